/**
 * The key under which a bundle keeps one slice of a variable: the name and the slice in TensorFlow's order-preserving code.
 * Rules: tensorflow `core/util/saved_tensor_slice_util.cc` (EncodeTensorNameSlice), `core/lib/strings/ordered_code.cc`.
 */

/** Where a slice begins on an axis and how long it is; -1 is the whole axis. */
export interface SliceExtent {
  readonly start: number;
  readonly length: number;
}

/** `name` and the result are byte strings: one character a byte. */
export function sliceKey(name: string, extents: readonly SliceExtent[]): string {
  const signed = extents.flatMap(({ start, length }) => [signedNumber(start), signedNumber(length)]);
  return [unsignedNumber(0), text(name), unsignedNumber(extents.length), ...signed].join("");
}

/** Its length, then its bytes, the highest first. */
function unsignedNumber(value: number): string {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return String.fromCharCode(bytes.length, ...bytes);
}

/** 0x00 and 0xff are escaped by the other; 0x00 0x01 ends it. */
const text = (value: string): string =>
  `${[...value].map((byte) => (byte === "\x00" ? "\x00\xff" : byte === "\xff" ? "\xff\x00" : byte)).join("")}\x00\x01`;

/** n bytes hold 7n − 1 bits; as many leading ones as there are further bytes, turned over for negative numbers. */
function signedNumber(value: number): string {
  const magnitude = BigInt(value < 0 ? -value - 1 : value);
  let length = 1;
  while (magnitude >> BigInt(7 * length - 1) !== 0n) length++;
  const bits = BigInt(8 * length);
  const header = ((1n << BigInt(length)) - 1n) << (bits - BigInt(length));
  const encoded = header | magnitude;
  const word = value < 0 ? ~encoded & ((1n << bits) - 1n) : encoded;
  return Array.from({ length }, (_, at) =>
    String.fromCharCode(Number((word >> (bits - BigInt(8 * (at + 1)))) & 0xffn)),
  ).join("");
}
