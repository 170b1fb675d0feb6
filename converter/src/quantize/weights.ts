/**
 * Symmetric int8 weights and int32 biases from float constants, per channel or per tensor.
 * Only numbers and axes come in; which operand is a weight and along which axis is the operator's own knowledge.
 * Rules: LiteRT quantization spec; rounding half away from zero, products in float32.
 */
import type { Shape } from "../ir/graph.ts";
import { clamp, roundHalfAwayFromZero } from "./rounding.ts";
import { symmetricScale } from "./scales.ts";

/** How a row-major array splits around one axis: index = (o * channels + c) * inner + i. */
export interface ChannelView {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

/** `axis` null: the whole tensor is one channel. */
export function channelView(shape: Shape, axis: number | null): ChannelView {
  const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);
  if (axis === null) return { outer: 1, channels: 1, inner: product(shape) };
  return { outer: product(shape.slice(0, axis)), channels: shape[axis] ?? 1, inner: product(shape.slice(axis + 1)) };
}

/** Calls `visit(channel, index)` for every element, in memory order. */
export function forEachElement(view: ChannelView, visit: (channel: number, index: number) => void): void {
  let index = 0;
  for (let outer = 0; outer < view.outer; outer++) {
    for (let channel = 0; channel < view.channels; channel++) {
      for (let inner = 0; inner < view.inner; inner++) visit(channel, index++);
    }
  }
}

/** The largest magnitude in each channel. */
export function channelBounds(values: Float32Array, view: ChannelView): Float32Array {
  const bounds = new Float32Array(view.channels);
  forEachElement(view, (channel, index) => {
    const magnitude = Math.abs(values[index] ?? 0);
    if (magnitude > (bounds[channel] ?? 0)) bounds[channel] = magnitude;
  });
  return bounds;
}

/** One scale per channel: maxabs / 127. */
export const weightScales = (values: Float32Array, view: ChannelView): number[] =>
  Array.from(channelBounds(values, view), symmetricScale);

/** q = clamp(round(x / scale), ±127). */
export function quantizeWeights(values: Float32Array, view: ChannelView, scales: readonly number[]): Int8Array {
  const inverses = Float32Array.from(scales, (scale) => 1 / scale);
  const quantized = new Int8Array(values.length);
  forEachElement(view, (channel, index) => {
    const scaled = Math.fround((values[index] ?? 0) * (inverses[channel] ?? 0));
    quantized[index] = clamp(roundHalfAwayFromZero(scaled), -127, 127);
  });
  return quantized;
}

/** An int64 bias meets a multiplier that takes no more than 48 bits (`MultiplyByQuantizedMultiplier`). */
const biasBits = { int32: 32, int64: 48 } as const;

/** q = clamp(round(b / scale)), within int32, or within 48 bits of an int64. */
export function quantizeBias(
  values: Float32Array | Float64Array,
  scales: readonly number[],
  dtype: keyof typeof biasBits = "int32",
): Float64Array {
  const bound = 2 ** (biasBits[dtype] - 1);
  return Float64Array.from(values, (value, channel) => {
    const scale = scales.length === 1 ? (scales[0] ?? 1) : (scales[channel] ?? 1);
    return clamp(roundHalfAwayFromZero(value / scale), -bound, bound - 1);
  });
}
