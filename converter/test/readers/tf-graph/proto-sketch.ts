/** Protobuf bytes written field by field, and tables of LevelDB: what hostile files are made of. */
import { maskedCrc32c } from "../../../src/readers/tf-graph/saved-model/crc32c.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export const joined = (...parts: readonly Uint8Array[]): Bytes => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

export function varint(value: number | bigint): Bytes {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const more = rest > 127n;
    bytes.push(Number(rest & 127n) | (more ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export const utf8 = (text: string): Bytes => Uint8Array.from(new TextEncoder().encode(text));

export const number = (field: number, value: number | bigint): Bytes => joined(varint(field * 8), varint(value));
export const message = (field: number, ...parts: readonly Uint8Array[]): Bytes => {
  const body = joined(...parts);
  return joined(varint(field * 8 + 2), varint(body.length), body);
};
export const string = (field: number, text: string): Bytes => message(field, utf8(text));
export const fixed32 = (field: number, value: number): Bytes =>
  joined(varint(field * 8 + 5), new Uint8Array(Uint32Array.of(value).buffer));

/** TensorShapeProto. */
export const shape = (...sizes: readonly (number | bigint)[]): Bytes =>
  joined(...sizes.map((size) => message(2, number(1, size))));

/** NodeDef; attributes are AttrValues by name. */
export const node = (
  name: string,
  op: string,
  inputs: readonly string[] = [],
  attr: Record<string, Uint8Array> = {},
): Bytes =>
  joined(
    string(1, name),
    string(2, op),
    ...inputs.map((input) => string(3, input)),
    ...Object.entries(attr).map(([key, value]) => message(5, string(1, key), message(2, value))),
  );

export const typeAttr = (type: number): Bytes => number(6, type);
export const funcAttr = (name: string): Bytes => message(10, string(1, name));
export const shapeAttr = (...sizes: readonly (number | bigint)[]): Bytes => message(7, shape(...sizes));

export const placeholder = (name: string, ...sizes: readonly number[]): Bytes =>
  node(name, "Placeholder", [], { dtype: typeAttr(1), shape: shapeAttr(...sizes) });

/** GraphDef. */
export const graph = (nodes: readonly Uint8Array[], functions: readonly Uint8Array[] = []): Bytes =>
  joined(...nodes.map((one) => message(1, one)), message(2, ...functions.map((one) => message(1, one))));

/** FunctionDef from x to y, both floats. */
export const functionOf = (name: string, nodes: readonly Uint8Array[], result: string): Bytes =>
  joined(
    message(1, string(1, name), message(2, string(1, "x"), number(3, 1)), message(3, string(1, "y"), number(3, 1))),
    ...nodes.map((one) => message(3, one)),
    message(4, string(1, "y"), string(2, result)),
  );

export type TableEntry = readonly [key: string, value: Uint8Array];

/** A table of one data block without shared prefixes. */
export function table(entries: readonly TableEntry[]): Bytes {
  const data = block(entries);
  const handle = joined(varint(0), varint(data.length - 5));
  const index = block([["\xff", handle]]);
  const at = data.length;
  const handles = joined(varint(0), varint(0), varint(at), varint(index.length - 5));
  const footer = new Uint8Array(48);
  footer.set(handles);
  new DataView(footer.buffer).setBigUint64(40, 0xdb4775248b80fb57n, true);
  return joined(data, index, footer);
}

function block(entries: readonly TableEntry[]): Bytes {
  const rows = entries.map(([key, value]) => {
    const bytes = Uint8Array.from(key, (char) => char.charCodeAt(0));
    return joined(varint(0), varint(bytes.length), varint(value.length), bytes, value);
  });
  const restarts = new Uint8Array(Uint32Array.of(0, 1).buffer);
  return sealed(joined(...rows, restarts));
}

/** With its type and checksum. */
export function sealed(content: Uint8Array): Bytes {
  const typed = joined(content, Uint8Array.of(0));
  return joined(typed, new Uint8Array(Uint32Array.of(maskedCrc32c(typed)).buffer));
}
