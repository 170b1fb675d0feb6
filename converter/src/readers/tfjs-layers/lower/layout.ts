/**
 * Axes in front of and behind what TFLite computes: its kernels take [batch, height, width, channels] and nothing else.
 * A layer in channels_first has a TRANSPOSE on both sides, which passes take out between such layers; a layer over one
 * spatial axis runs as one over two, the first of size 1.
 */
import type { Shape, TensorId } from "../../../ir/graph.ts";
import { expandDims } from "../../../ops/expand-dims.ts";
import { reshape } from "../../../ops/reshape.ts";
import { squeeze } from "../../../ops/squeeze.ts";
import { transpose } from "../../../ops/transpose.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { camel, LayerRefusal } from "./lowering.ts";

/** The numbers from `from` up to `to`, which is left out. */
export const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);

export const isChannelsFirst = (config: JsonFields): boolean =>
  camel(config.string("data_format", "channels_last")) === "channelsFirst";

/** Axis i of the result is axis `order[i]` of the input. */
export function permuted(layer: LayerBuilder, role: string, input: TensorId, order: readonly number[]): TensorId {
  if (order.every((axis, index) => axis === index)) return input;
  return layer.emit(transpose, role, [input, layer.integers("order", [order.length], order)]);
}

/** Another shape for the same elements; one size may be dynamic. */
export function reshapeTo(layer: LayerBuilder, role: string, input: TensorId, shape: Shape): TensorId {
  if (shape.filter((size) => size === -1).length > 1) {
    throw new LayerRefusal(
      `it becomes [${shape.join(", ").replaceAll("-1", "?")}]: only one size may be dynamic there`,
    );
  }
  return layer.emit(reshape, role, [input, layer.integers(`${role}_shape`, [shape.length], shape)], {
    newShape: shape,
  });
}

/** Runs `lower` on channels-last values, whatever the layer's data_format. */
export const inChannelsLast =
  (lower: (layer: LayerBuilder) => TensorId) =>
  (layer: LayerBuilder): TensorId => {
    if (!isChannelsFirst(layer.config)) return lower(layer);
    const rank = layer.shapeOf(layer.input).length;
    if (rank < 3) throw layer.fault("its input has no channels");
    const output = lower(layer.withInputs(channelsLast(layer, layer.input)));
    if (layer.shapeOf(output).length !== rank) return output;
    return permuted(layer, "channels_first", output, [0, rank - 1, ...range(1, rank - 1)]);
  };

export function channelsLast(layer: LayerBuilder, input: TensorId): TensorId {
  const rank = layer.shapeOf(input).length;
  return permuted(layer, "channels_last", input, [0, ...range(2, rank), 1]);
}

/** [batch, steps, channels] as [batch, 1, steps, channels]. */
export const asImage = (layer: LayerBuilder, input: TensorId): TensorId =>
  layer.emit(expandDims, "as_image", [input, layer.integers("rows", [1], [1])]);

export const fromImage = (layer: LayerBuilder, image: TensorId): TensorId =>
  layer.emit(squeeze, "from_image", [image], { squeezeDims: [1] });

/** How many spatial axes a layer has, by its name: Conv1D, GlobalMaxPooling3D. */
export const spatialRank = (className: string): number => Number(/(\d)D/.exec(className)?.[1] ?? 2);

/** Runs `lower` on images: one spatial axis gets a second. */
export const overImages =
  (lower: (layer: LayerBuilder) => TensorId) =>
  (layer: LayerBuilder): TensorId => {
    const rank = spatialRank(layer.className);
    layer.inputShape(rank + 2);
    return rank === 1 ? fromImage(layer, lower(layer.withInputs(asImage(layer, layer.input)))) : lower(layer);
  };

/** One number for each axis of an image; of a layer over one axis, that of its own and `single` in front. */
export function imagePair(
  layer: LayerBuilder,
  name: string,
  single: number,
  fallback?: number,
): readonly [number, number] {
  if (spatialRank(layer.className) !== 1) return layer.config.countPair(name, fallback);
  const [size = single] = layer.config.counts(name, 1, fallback);
  return [single, size];
}
