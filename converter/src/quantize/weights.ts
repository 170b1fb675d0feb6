/**
 * Symmetric int8 weights and int32 biases from float constants, per channel or per tensor.
 * Only numbers and axes come in; which operand is a weight and along which axis is the operator's own knowledge.
 * Rules: LiteRT quantization spec; rounding half away from zero, products in float32.
 */
import { elementCount, type Shape } from "../ir/graph.ts";
import { clamp, roundHalfAwayFromZero } from "./rounding.ts";
import { int4Scale, symmetricScale } from "./scales.ts";

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

/** Every `blockSize` values of a row are a channel. */
export const blockView = (shape: Shape, blockSize: number): ChannelView => ({
  outer: 1,
  channels: elementCount(shape) / blockSize,
  inner: blockSize,
});

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

/** int4 in [-8, 7], one to a byte; of `scales` one for each block of a row, or for each channel. */
export function quantizeInt4(values: Float32Array, view: ChannelView, scales: readonly number[]): Int8Array {
  const inverses = Float32Array.from(scales, (scale) => 1 / scale);
  const quantized = new Int8Array(values.length);
  forEachElement(view, (channel, index) => {
    const scaled = Math.fround((values[index] ?? 0) * (inverses[channel] ?? 0));
    quantized[index] = clamp(roundHalfAwayFromZero(scaled), -8, 7);
  });
  return quantized;
}

/** Two values to a byte, the first in the low half (LiteRT `PackInt8IntoDenseInt4`). */
export function packInt4(values: Int8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  for (let at = 0; at < values.length; at++)
    packed[at >> 1] = (packed[at >> 1] ?? 0) | (((values[at] ?? 0) & 15) << (at & 1 ? 4 : 0));
  return packed;
}

/** Shares of the largest magnitude that are tried for int4: so few levels that cutting off the largest often pays. */
const int4Shares = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];

/** One scale per channel: of those tried, that of least square error. */
export function int4Scales(values: Float32Array, view: ChannelView): number[] {
  const bounds = channelBounds(values, view);
  let best = Array.from(bounds, (bound) => int4Scale(bound));
  let bestErrors = squareErrors(values, view, best);
  for (const share of int4Shares.slice(1)) {
    const scales = Array.from(bounds, (bound) => int4Scale(bound * share));
    const errors = squareErrors(values, view, scales);
    const kept = best;
    best = best.map((scale, channel) =>
      (errors[channel] ?? 0) < (bestErrors[channel] ?? 0) ? (scales[channel] ?? scale) : (kept[channel] ?? scale),
    );
    bestErrors = bestErrors.map((error, channel) => Math.min(error, errors[channel] ?? error));
  }
  return best;
}

function squareErrors(values: Float32Array, view: ChannelView, scales: readonly number[]): Float64Array {
  const quantized = quantizeInt4(values, view, scales);
  const errors = new Float64Array(view.channels);
  forEachElement(view, (channel, index) => {
    const error = (values[index] ?? 0) - (quantized[index] ?? 0) * (scales[channel] ?? 0);
    errors[channel] = (errors[channel] ?? 0) + error * error;
  });
  return errors;
}

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
