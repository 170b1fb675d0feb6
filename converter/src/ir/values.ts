/**
 * Typed access to the bytes of constants: little-endian, row-major, at any alignment.
 * float16 is decoded to float32 values and encoded with rounding to nearest even (IEEE 754 binary16).
 * Knows bytes and dtypes, not what a tensor is for.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DType } from "./graph.ts";

interface ViewOf {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): ArrayLike<number>;
  from(values: ArrayLike<number>): { readonly buffer: ArrayBufferLike };
}

const views = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const satisfies Partial<Record<DType, ViewOf>>;

const viewOf = (dtype: DType): ViewOf | undefined => (dtype in views ? views[dtype as keyof typeof views] : undefined);

/** The bytes themselves when they are aligned to `alignment`, else a copy that is. */
function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : Uint8Array.from(bytes);
}

/** A view of float32 bytes; a copy only when they are not aligned. Treat it as read-only. */
export function float32ValuesOf(bytes: Uint8Array): Float32Array {
  const at = aligned(bytes, 4);
  return new Float32Array(at.buffer, at.byteOffset, at.byteLength >> 2);
}

/** A view of int32 bytes; a copy only when they are not aligned. Treat it as read-only. */
export function int32ValuesOf(bytes: Uint8Array): Int32Array {
  const at = aligned(bytes, 4);
  return new Int32Array(at.buffer, at.byteOffset, at.byteLength >> 2);
}

/** The elements as numbers: int64 beyond 2^53 throws GRAPH_INVALID, as does a dtype without numbers. */
export function valuesOf(dtype: DType, bytes: Uint8Array): ArrayLike<number> {
  if (dtype === "float16") return decodeFloat16(bytes);
  if (dtype === "int64") {
    const wide = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.byteLength >> 3 }, (_, i) => safeNumber(wide.getBigInt64(i * 8, true)));
  }
  const View = viewOf(dtype);
  if (!View) throw new FlotillaError("GRAPH_INVALID", `${dtype} values cannot be read as numbers.`);
  const at = aligned(bytes, View.BYTES_PER_ELEMENT);
  return new View(at.buffer, at.byteOffset, at.byteLength / View.BYTES_PER_ELEMENT);
}

/** The bytes of `values` in `dtype`: floats rounded to nearest, integers wrapped as in C. */
export function bytesOf(dtype: DType, values: ArrayLike<number>): Uint8Array {
  if (dtype === "float16") return encodeFloat16(values);
  if (dtype === "int64") {
    const wide = BigInt64Array.from(Array.from(values, (value) => BigInt(value)));
    return new Uint8Array(wide.buffer);
  }
  const View = viewOf(dtype);
  if (!View) throw new FlotillaError("GRAPH_INVALID", `${dtype} values cannot be written from numbers.`);
  return new Uint8Array(View.from(values).buffer);
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new FlotillaError("GRAPH_INVALID", `The int64 value ${value} is beyond 2^53.`);
  return number;
}

const float16Table: { values?: Float32Array } = {};

/** All 65,536 float16 values as float32, made once. */
function float16Values(): Float32Array {
  if (float16Table.values) return float16Table.values;
  const values = new Float32Array(65_536);
  for (let bits = 0; bits < 65_536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) values[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  float16Table.values = values;
  return values;
}

export function decodeFloat16(bytes: Uint8Array): Float32Array {
  const at = aligned(bytes, 2);
  const halves = new Uint16Array(at.buffer, at.byteOffset, at.byteLength >> 1);
  const table = float16Values();
  return Float32Array.from(halves, (half) => table[half] ?? 0);
}

/** Rounds to nearest even; beyond ±65,504 (after rounding) gives infinity: clamp first where that is not wanted. */
export function encodeFloat16(values: ArrayLike<number>): Uint8Array {
  const halves = new Uint16Array(values.length);
  const float = new Float32Array(1);
  const word = new Uint32Array(float.buffer);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i] ?? 0;
    halves[i] = float16Bits(word[0] ?? 0);
  }
  return new Uint8Array(halves.buffer);
}

function float16Bits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 255) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  const half = exponent - 112;
  if (half >= 31) return sign | 0x7c00;
  if (half <= -11) return sign;
  // Subnormal halves drop more bits of the significand, whose leading one is then explicit.
  const significand = half <= 0 ? fraction | 0x800000 : fraction;
  const shift = half <= 0 ? 14 - half : 13;
  const base = half <= 0 ? 0 : half << 10;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  const up = rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0;
  return sign | (base + kept + up); // a carry runs into the exponent, as it must
}
