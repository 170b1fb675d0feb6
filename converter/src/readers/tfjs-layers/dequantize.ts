/**
 * The values of a stored weight, bit for bit as tfjs computes them (tfjs-core `io/io_utils.ts`, decodeWeight):
 * q·scale + min in double precision, rounded once to float32; rounded half up for int32; half floats exactly.
 * Stored bytes have no alignment, so they are read byte by byte.
 */
import { bytesOf, decodeFloat16 } from "../../ir/values.ts";
import type { WeightSpec } from "./weight-spec.ts";

/** Little-endian bytes of the weight's own dtype; `stored` itself when nothing is to be done. */
export function dequantize(spec: WeightSpec, stored: Uint8Array): Uint8Array {
  const { quantization, elements, dtype } = spec;
  if (!quantization) return stored;
  if (quantization.dtype === "float16") return bytesOf("float32", decodeFloat16(stored)); // every half is a float
  const { scale, min } = quantization;
  const wide = quantization.dtype === "uint16";
  const level = (i: number): number => (wide ? stored[2 * i]! | (stored[2 * i + 1]! << 8) : stored[i]!);
  if (dtype === "int32") {
    const values = new Int32Array(elements);
    for (let i = 0; i < elements; i++) values[i] = Math.round(level(i) * scale + min);
    return new Uint8Array(values.buffer);
  }
  const values = new Float32Array(elements);
  // uint8 has 256 values: computed once each, then looked up.
  const table = wide ? undefined : Float32Array.from({ length: 256 }, (_, q) => q * scale + min);
  for (let i = 0; i < elements; i++) values[i] = table ? table[stored[i]!]! : level(i) * scale + min;
  return new Uint8Array(values.buffer);
}
