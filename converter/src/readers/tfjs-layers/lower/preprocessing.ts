/** Layers that prepare images and categories: Resizing, CenterCrop, CategoryEncoding. tfjs-layers `layers/preprocessing/*.ts`, Keras. */
import type { TensorId } from "../../../ir/graph.ts";
import { cast } from "../../../ops/cast.ts";
import { gather } from "../../../ops/gather.ts";
import { oneHot } from "../../../ops/one-hot.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { resizeBilinear } from "../../../ops/resize-bilinear.ts";
import { resizeNearestNeighbor } from "../../../ops/resize-nearest-neighbor.ts";
import { slice } from "../../../ops/slice.ts";
import { sum } from "../../../ops/sum.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { inChannelsLast, range, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";
import { asFloat } from "./normalization.ts";

/** To a fixed size, by pixel centres. tfjs-layers 4.22 hands the list of its inputs to an operator that takes one, and fails. */
export const resizingLayer: LayerLowering = {
  classNames: ["Resizing"],
  arity: "one",
  refuses: (config, dialect) => {
    if (dialect === "tfjs")
      return "tfjs-layers cannot run this layer within a model, so what it means cannot be proven";
    const aspect = ["crop_to_aspect_ratio", "pad_to_aspect_ratio"].find((name) => config.boolean(name, false));
    if (aspect !== undefined) return `${aspect} is not converted`;
    const interpolation = config.string("interpolation", "bilinear");
    return ["bilinear", "nearest"].includes(interpolation)
      ? undefined
      : `interpolation "${interpolation}" is not converted`;
  },
  lower: inChannelsLast((layer) => {
    const [, height = -1, width = -1] = layer.inputShape(4);
    const { config } = layer;
    const shrinks = height === -1 || width === -1 || config.count("height") < height || config.count("width") < width;
    if (config.boolean("antialias", false) && shrinks && config.string("interpolation", "bilinear") !== "nearest")
      throw new LayerRefusal("it shrinks with antialias, which is not converted");
    const size = layer.integers("size", [2], [config.count("height"), config.count("width")]);
    const op = config.string("interpolation", "bilinear") === "nearest" ? resizeNearestNeighbor : resizeBilinear;
    return layer.emit(op, "resize", [asFloat(layer, layer.input), size], { halfPixelCenters: true });
  }),
};

export const centerCropLayer: LayerLowering = {
  classNames: ["CenterCrop"],
  arity: "one",
  lower: inChannelsLast((layer) => {
    layer.inputShape(4);
    const wanted = [layer.config.count("height"), layer.config.count("width")];
    const sizes = [1, 2].map((axis) => layer.sizeOf(layer.input, axis));
    if (wanted.some((size, axis) => size > (sizes[axis] ?? 0))) {
      throw new LayerRefusal(`it enlarges [${sizes.join(", ")}] to [${wanted.join(", ")}]; use Resizing`);
    }
    return layer.dialect === "tfjs" ? croppedAsTfjs(layer, sizes, wanted) : croppedCentre(layer, sizes, wanted);
  }),
};

function croppedCentre(layer: LayerBuilder, sizes: readonly number[], wanted: readonly number[]): TensorId {
  const [height = 1, width = 1] = wanted;
  const [top = 0, left = 0] = sizes.map((size, axis) => Math.floor((size - (wanted[axis] ?? 0)) / 2));
  const [batch = 1, , , channels = 1] = layer.shapeOf(layer.input);
  const begin = layer.integers("begin", [4], [0, top, left, 0]);
  return layer.emit(slice, "crop", [layer.input, begin, layer.integers("size", [4], [batch, height, width, channels])]);
}

/**
 * tfjs crops by `cropAndResize` with edges as shares of the size, nearest pixel: that repeats or skips pixels. Its way
 * of rounding is taken over, so that the numbers are the same.
 */
function croppedAsTfjs(layer: LayerBuilder, sizes: readonly number[], wanted: readonly number[]): TensorId {
  return sizes.reduce<TensorId>((input, size, index) => {
    const want = wanted[index] ?? 1;
    const floor = Math.floor((size - want) / 2);
    const front = index === 1 && size !== want && floor === 0 ? 1 : floor;
    const [first, last] = [Math.fround(front / size), Math.fround((want + front) / size)];
    const step = want > 1 ? ((last - first) * (size - 1)) / (want - 1) : 0;
    const picks = range(0, want).map((at) =>
      want > 1 ? first * (size - 1) + at * step : 0.5 * (first + last) * (size - 1),
    );
    if (picks.some((pick) => pick < 0 || pick > size - 1))
      throw new LayerRefusal("tfjs-layers crops beyond the image's edge");
    const indices = layer.integers(`pixels_${index}`, [want], picks.map(Math.round));
    return layer.emit(gather, `crop_${index}`, [input, indices], { axis: index + 1 });
  }, layer.input);
}

/** Numbers of categories as vectors of 0 and 1, or as counts. */
export const categoryEncodingLayer: LayerLowering = {
  classNames: ["CategoryEncoding"],
  arity: "any",
  lower: (layer) => {
    if (layer.inputs.length > 1) throw new LayerRefusal("count_weights are not converted");
    const { config } = layer;
    const mode = config
      .string("output_mode", "multi_hot")
      .replace(/([a-z])([A-Z])/g, "$1_$2")
      .toLowerCase();
    const depth = config.count("num_tokens");
    const whole =
      layer.dtypeOf(layer.input) === "int32"
        ? layer.input
        : layer.emit(cast, "categories", [layer.input], { inDataType: "FLOAT32", outDataType: "INT32" });
    const shape = layer.shapeOf(whole);
    const operands = [layer.integers("depth", [], [depth]), layer.scalar(1), layer.scalar(0)];
    const vectors = layer.emit(oneHot, "one_hot", [whole, ...operands], { axis: -1 });
    if (mode === "one_hot")
      return shape.at(-1) === 1 ? reshapeTo(layer, "vector", vectors, [...shape.slice(0, -1), depth]) : vectors;
    const axis = layer.integers("axis", [1], [shape.length - 1]);
    if (mode === "multi_hot") return layer.emit(reduceMax, "any", [vectors, axis]);
    if (mode === "count") return layer.emit(sum, "count", [vectors, axis]);
    throw new LayerRefusal(`output_mode "${mode}" is not converted`);
  },
};
