/**
 * Seeded random samples for proofs without data: floats uniform in [-1, 1), ids of tables uniform over their rows, other
 * integers 0 or 1, the same on every machine.
 * Generator: mulberry32 (public domain, Tommy Ettinger); integer arithmetic only.
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { type Dataset, type ModelInput, sampleShape } from "./dataset.ts";

/** What a report says the samples were. */
export const randomDatasetName = "random-uniform-2";
const seed = 0x5f10_711a;

export function randomDataset(inputs: readonly ModelInput[], count: number): Dataset {
  return {
    name: randomDatasetName,
    digest: "",
    count,
    labels: null,
    sample: (index) =>
      Promise.resolve(inputs.map((input, at) => randomInput(input, seed + index * 7919 + at * 104_729))),
  };
}

/** What a size is that only the data tells: beyond every kernel, and quick. */
const dynamicSize = 32;

function randomInput(input: ModelInput, start: number): NdArray {
  const bare = sampleShape(input).map((size) => (size === -1 ? dynamicSize : Math.max(size, 1)));
  const shape = bare.length < input.shape.length ? [1, ...bare] : bare;
  const length = shape.reduce((product, size) => product * size, 1);
  const next = generator(start);
  const integer = () => Math.floor(next() * (input.idLimit ?? 2));
  switch (input.dtype) {
    case "int32":
      return { dtype: "int32", shape, data: Int32Array.from({ length }, integer) };
    case "uint8":
      return { dtype: "uint8", shape, data: Uint8Array.from({ length }, () => Math.floor(next() * 256)) };
    case "int8":
      return { dtype: "int8", shape, data: Int8Array.from({ length }, () => Math.floor(next() * 256) - 128) };
    case "int16":
      return { dtype: "int16", shape, data: Int16Array.from({ length }, () => Math.floor(next() * 65_536) - 32_768) };
    case "int64":
      return { dtype: "int64", shape, data: BigInt64Array.from({ length }, () => BigInt(integer())) };
    case "bool":
      return { dtype: "bool", shape, data: Uint8Array.from({ length }, () => (next() < 0.5 ? 0 : 1)) };
    default:
      return { dtype: "float32", shape, data: Float32Array.from({ length }, () => next() * 2 - 1) };
  }
}

/** Numbers in [0, 1), multiples of 2^-32. */
function generator(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
