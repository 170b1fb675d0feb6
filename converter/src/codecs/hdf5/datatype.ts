/**
 * Datatypes of HDF5, as far as Keras and h5py write them. Rules: specification IV.A.2.d.
 * A type that nothing here reads is "other": it is refused where its values are asked for, not where it is met.
 */
import type { Cursor } from "./cursor.ts";

export type Hdf5Type =
  | { readonly kind: "float" | "signed" | "unsigned"; readonly bytes: number }
  /** h5py's own: an enumeration of FALSE and TRUE. */
  | { readonly kind: "bool"; readonly bytes: 1 }
  | { readonly kind: "text"; readonly bytes: number }
  /** In the global heap; an element is where it lies. */
  | { readonly kind: "variable-text"; readonly bytes: number }
  | { readonly kind: "opaque"; readonly bytes: number }
  | { readonly kind: "other"; readonly bytes: number; readonly what: string };

const otherClasses: Readonly<Record<number, string>> = {
  2: "time",
  4: "bit field",
  6: "compound",
  7: "reference",
  8: "enumeration",
  9: "variable-length sequence",
  10: "array",
};

/** IEEE 754's own layouts: exponent bits and mantissa bits by size. */
const ieee: Readonly<Record<number, readonly [exponent: number, mantissa: number]>> = {
  2: [5, 10],
  4: [8, 23],
  8: [11, 52],
};

export function decodeDatatype(cursor: Cursor): Hdf5Type {
  const first = cursor.u8();
  const typeClass = first & 0x0f;
  const version = first >> 4;
  const bits = cursor.uint(3);
  const bytes = cursor.u32();
  if (version < 1 || version > 5) throw cursor.fault("FORMAT_CORRUPT", `is of version ${version}`);
  if (bytes === 0) throw cursor.fault("FORMAT_CORRUPT", "has elements of no bytes");
  const other = (what: string): Hdf5Type => ({ kind: "other", bytes, what });
  switch (typeClass) {
    case 0:
      if (bits & 1) return other("big-endian integer");
      if (![1, 2, 4, 8].includes(bytes)) return other(`integer of ${bytes} bytes`);
      return { kind: bits & 8 ? "signed" : "unsigned", bytes };
    case 1:
      return decodeFloat(cursor, bits, bytes) ?? other("float of a rare layout");
    case 3:
      return { kind: "text", bytes };
    case 5:
      return { kind: "opaque", bytes };
    case 8:
      return isBoolean(cursor, version, bits & 0xffff, bytes) ? { kind: "bool", bytes: 1 } : other("enumeration");
    case 9:
      return (bits & 0x0f) === 1 ? { kind: "variable-text", bytes } : other("variable-length sequence");
    default:
      return other(otherClasses[typeClass] ?? `class ${typeClass}`);
  }
}

function decodeFloat(cursor: Cursor, bits: number, bytes: number): Hdf5Type | undefined {
  const layout = ieee[bytes];
  if (!layout || bits & 0x41) return undefined; // bits 0 and 6: another byte order
  cursor.skip(4); // where the bits start, how many there are: all of them
  cursor.skip(1);
  const exponent = cursor.u8();
  cursor.skip(1);
  const mantissa = cursor.u8();
  return exponent === layout[0] && mantissa === layout[1] ? { kind: "float", bytes } : undefined;
}

function isBoolean(cursor: Cursor, version: number, members: number, bytes: number): boolean {
  if (bytes !== 1 || members !== 2) return false;
  const base = decodeDatatype(cursor);
  if (base.kind !== "signed" && base.kind !== "unsigned") return false;
  cursor.skip(4); // the integer's own bit offset and precision
  const names = [0, 1].map(() => {
    const from = cursor.position;
    const name = cursor.textToNul();
    if (version < 3) cursor.skip(-(cursor.position - from) & 7);
    return name;
  });
  return names[0] === "FALSE" && names[1] === "TRUE" && cursor.u8() === 0 && cursor.u8() === 1;
}
