/** The real numbers that a constant stands for, whatever it is stored as. Large ones are sampled, evenly. */
import { elementCount, type Graph, type Tensor, tensorOf } from "../ir/graph.ts";
import { valuesOf } from "../ir/values.ts";

/** Elements looked at of one tensor. */
const largestSample = 2 ** 21;

export interface StoredValues {
  /** Every `step`-th element, in memory order. */
  readonly reals: Float32Array;
  /** The integers themselves; null for floats. */
  readonly integers: Int32Array | null;
  readonly step: number;
}

/** null for what holds no real numbers. `step`: to look at the same places of two tensors. */
export function storedValues(graph: Graph, tensor: Tensor): StoredValues | null {
  const { constant, dtype, quantization, shape } = tensor;
  const count = elementCount(shape);
  if (!constant || count < 1) return null;
  let step = Math.ceil(count / largestSample);
  if (step > 1 && step % 2 === 0) step++; // an odd one meets every channel
  const bytes = constant.bytes();
  const length = Math.ceil(count / step);
  if (dtype === "float32" || dtype === "float16") {
    const values = valuesOf(dtype, bytes);
    const reals = new Float32Array(length);
    for (let at = 0; at < length; at++) reals[at] = values[at * step] ?? 0;
    return { reals, integers: null, step };
  }
  const raw = integersOf(tensor, bytes);
  if (!raw || !quantization) return null;
  const integers = new Int32Array(length);
  const { scales, zeroPoints, axis, blocks } = quantization;
  const wide = blocks && blockScales(graph, blocks.scales);
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const channels = Math.max(scales.length, 1);
  const reals = new Float32Array(length);
  for (let at = 0; at < length; at++) {
    const place = at * step;
    const integer = raw[place] ?? 0;
    const channel = channels === 1 ? 0 : Math.floor(place / inner) % channels;
    const scale = wide && blocks ? (wide[Math.floor(place / blocks.size)] ?? 0) : (scales[channel] ?? 1);
    integers[at] = integer;
    reals[at] = (integer - (zeroPoints[channel] ?? 0)) * scale;
  }
  return { reals, integers, step };
}

function integersOf({ dtype, shape }: Tensor, bytes: Uint8Array): ArrayLike<number> | null {
  if (dtype === "int8" || dtype === "uint8" || dtype === "int16" || dtype === "int32") return valuesOf(dtype, bytes);
  if (dtype !== "int4") return null;
  const integers = new Int8Array(elementCount(shape));
  for (let at = 0; at < integers.length; at++) {
    const byte = bytes[at >> 1] ?? 0;
    integers[at] = at & 1 ? (byte << 24) >> 28 : (byte << 28) >> 28;
  }
  return integers;
}

function blockScales(graph: Graph, id: Tensor["id"]): ArrayLike<number> | null {
  const { constant, dtype } = tensorOf(graph, id);
  return constant ? valuesOf(dtype, constant.bytes()) : null;
}
