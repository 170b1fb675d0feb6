/** Zero padding, cropping and upsampling over one to three axes. Rules: tfjs-layers `layers/padding.ts`, `layers/convolutional.ts`. */
import type { JsonValue } from "@flotilla/protocol/json-value";
import type { TensorId } from "../../../ir/graph.ts";
import { mul } from "../../../ops/mul.ts";
import { pad } from "../../../ops/pad.ts";
import { resizeBilinear } from "../../../ops/resize-bilinear.ts";
import { resizeNearestNeighbor } from "../../../ops/resize-nearest-neighbor.ts";
import { shape as shapeOp } from "../../../ops/shape.ts";
import { slice } from "../../../ops/slice.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import { type JsonFields, jsonFault } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { inChannelsLast, reshapeTo, spatialRank } from "./layout.ts";
import type { LayerLowering } from "./lowering.ts";

type Border = readonly [front: number, back: number];

/** Per axis, of `n`, `[n, m, …]` or `[[front, back], …]`; of a layer over one axis, `[front, back]` too. */
function bordersOf(config: JsonFields, name: string, rank: number, fallback: number): readonly Border[] {
  const value = config.get(name) ?? fallback;
  if (rank === 1) return [border(value, config, name)];
  const axes = Array.isArray(value) ? value : new Array<JsonValue>(rank).fill(value);
  if (axes.length !== rank) throw jsonFault(`${config.path}.${name}`, `borders of ${rank} axes`, value);
  return axes.map((axis) => border(axis, config, name));
}

function border(value: JsonValue, config: JsonFields, name: string): Border {
  const [first, second = first] = [value].flat();
  const sound = (size: JsonValue | undefined): size is number =>
    typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  if (sound(first) && sound(second)) return [first, second];
  throw jsonFault(`${config.path}.${name}`, "sizes of borders", config.get(name));
}

const overAxes = (name: string): readonly string[] => [`${name}1D`, `${name}2D`, `${name}3D`];

export const zeroPaddingLayer: LayerLowering = {
  classNames: overAxes("ZeroPadding"),
  arity: "one",
  lower: inChannelsLast((layer) => {
    const rank = spatialRank(layer.className);
    layer.inputShape(rank + 2);
    const borders = bordersOf(layer.config, "padding", rank, 1).flat();
    return layer.emit(pad, "pad", [layer.input, layer.integers("paddings", [rank + 2, 2], [0, 0, ...borders, 0, 0])]);
  }),
};

export const croppingLayer: LayerLowering = {
  classNames: overAxes("Cropping"),
  arity: "one",
  lower: inChannelsLast((layer) => {
    const rank = spatialRank(layer.className);
    layer.inputShape(rank + 2);
    return cropped(layer, layer.input, bordersOf(layer.config, "cropping", rank, rank === 1 ? 1 : 0));
  }),
};

/** What is left within the borders of each spatial axis. */
export function cropped(layer: LayerBuilder, input: TensorId, borders: readonly Border[]): TensorId {
  const shape = layer.shapeOf(input);
  const rank = shape.length;
  const begin = [0, ...borders.map(([front]) => front), 0];
  const back = [0, ...borders.map(([, behind]) => behind), 0];
  const size = shape.map((length, axis) => (length === -1 ? -1 : length - begin[axis]! - back[axis]!)); // as many, by rank
  if (size.some((length) => length === 0 || length < -1)) throw layer.fault(`it crops [${shape.join(", ")}] away`);
  if (!shape.some((length, axis) => length === -1 && back[axis] !== 0)) {
    return layer.emit(slice, "slice", [
      input,
      layer.integers("begin", [rank], begin),
      layer.integers("size", [rank], size),
    ]);
  }
  // Ends counted from the back need no size.
  const ends = back.map((behind) => -behind);
  const operands = [begin, ends, new Array<number>(rank).fill(1)].map((list, i) =>
    layer.integers(`edge_${i}`, [rank], list),
  );
  const endMask = back.reduce((mask, behind, axis) => (behind === 0 ? mask | (1 << axis) : mask), 0);
  return layer.emit(stridedSlice, "slice", [input, ...operands], { endMask });
}

/** Elements are repeated. Bilinear: tfjs takes corners as origins, Keras takes pixel centres. */
export const upSamplingLayer: LayerLowering = {
  classNames: overAxes("UpSampling"),
  arity: "one",
  refuses: (config) => {
    const interpolation = config.string("interpolation", "nearest");
    return ["nearest", "bilinear"].includes(interpolation)
      ? undefined
      : `interpolation "${interpolation}" is not converted`;
  },
  lower: inChannelsLast((layer) => {
    const rank = spatialRank(layer.className);
    layer.inputShape(rank + 2);
    const factors = layer.config.counts("size", rank, 2);
    if (rank === 2) return resized(layer, layer.input, factors, layer.config.string("interpolation", "nearest"));
    // [b, …, x, …, c] → [b·…, x, 1, …·c]: an image whose rows are repeated; one axis after the other.
    return factors.reduce<TensorId>((input, factor, index) => {
      const shape = layer.fixedShapeOf(input);
      const axis = index + 1;
      const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)].map((part) =>
        part.reduce((p, s) => p * s, 1),
      );
      const rows = reshapeTo(layer, `rows_${axis}`, input, [before ?? 1, shape[axis] ?? 1, 1, after ?? 1]);
      const repeated = resized(layer.scoped(`axis_${axis}`), rows, [factor, 1], "nearest");
      return reshapeTo(layer, `axis_${axis}_shape`, repeated, shape.with(axis, (shape[axis] ?? 1) * factor));
    }, layer.input);
  }),
};

function resized(layer: LayerBuilder, input: TensorId, factors: readonly number[], interpolation: string): TensorId {
  const operands = [input, targetSize(layer, input, factors)];
  return interpolation === "nearest"
    ? layer.emit(resizeNearestNeighbor, "resize", operands)
    : layer.emit(resizeBilinear, "resize", operands, { halfPixelCenters: layer.dialect === "keras" });
}

/** Height and width times the factors; computed at run time where they are dynamic. */
function targetSize(layer: LayerBuilder, input: TensorId, factors: readonly number[]): TensorId {
  const [, height = -1, width = -1] = layer.shapeOf(input);
  const [h = 1, w = 1] = factors;
  if (height !== -1 && width !== -1) return layer.integers("size", [2], [height * h, width * w]);
  const whole = layer.emit(shapeOp, "shape", [input], { outType: "INT32" });
  const edges = [[1], [3], [1]].map((edge, i) => layer.integers(`sizes_${i}`, [1], edge));
  const sizes = layer.emit(stridedSlice, "sizes", [whole, ...edges]);
  return layer.emit(mul, "size", [sizes, layer.integers("factors", [2], [h, w])]);
}
