/**
 * Layers that normalise: batch norm at inference (numbers of the training), layer, group, RMS and unit norm (numbers of
 * the input, spelt out in operators that every runtime has kernels for), and the fixed affine ones.
 * Rules: tfjs-layers `layers/normalization.ts`, Keras `layers/normalization/*.py`, `layers/preprocessing/normalization.py`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { cast } from "../../../ops/cast.ts";
import { maximum } from "../../../ops/maximum.ts";
import { mean } from "../../../ops/mean.ts";
import { mul } from "../../../ops/mul.ts";
import { rsqrt } from "../../../ops/rsqrt.ts";
import { square } from "../../../ops/square.ts";
import { squaredDifference } from "../../../ops/squared-difference.ts";
import { sub } from "../../../ops/sub.ts";
import { sum } from "../../../ops/sum.ts";
import { jsonFault } from "../json-fields.ts";
import type { LayerBuilder, WeightLayout } from "../layer-builder.ts";
import { isChannelsFirst, permuted, range, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

/** The axes that the config names, counted from the front; Keras writes one as a number or a list of one. */
function axesOf(layer: LayerBuilder, rank: number, fallback: number | null = -1): readonly number[] {
  const value = layer.config.get("axis") ?? fallback;
  if (value === null) return [];
  return [value].flat().map((axis) => {
    if (typeof axis !== "number" || !Number.isInteger(axis))
      throw jsonFault(`${layer.config.path}.axis`, "axes", value);
    const front = axis < 0 ? axis + rank : axis;
    if (front < 0 || front >= rank) throw layer.fault(`its axis ${axis} is none of ${rank}`);
    return front;
  });
}

const indices = (layer: LayerBuilder, axes: readonly number[]): TensorId => layer.integers("axes", [axes.length], axes);

/** A weight with one number per place along `axes`, in a shape that broadcasts to the input. */
function along(layer: LayerBuilder, name: string, axes: readonly number[], change?: WeightLayout["change"]): TensorId {
  const rank = layer.shapeOf(layer.input).length;
  const sizes = axes.map((axis) => layer.sizeOf(layer.input, axis));
  const lastOnly = axes.length === 1 && axes[0] === rank - 1;
  const shape = range(0, rank).map((axis) => (axes.includes(axis) ? layer.sizeOf(layer.input, axis) : 1));
  return layer.weight(name, sizes, {
    key: `broadcast${change ? ` ${name}` : ""}`,
    shape: lastOnly ? sizes : shape,
    ...(change ? { change } : {}),
  });
}

export const batchNormalizationLayer: LayerLowering = {
  classNames: ["BatchNormalization", "SyncBatchNormalization"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => {
    const { config } = layer;
    const rank = layer.shapeOf(layer.input).length;
    const [axis = rank - 1, ...more] = axesOf(layer, rank);
    if (more.length > 0) throw new LayerRefusal("it normalises several axes");
    if (axis !== rank - 1 && layer.dialect === "tfjs") {
      throw new LayerRefusal(
        `it normalises axis ${axis} of ${rank}: tfjs-layers runs that right on no CPU, where it goes through the numbers as if for the last axis`,
      );
    }
    const order = [...range(0, rank).filter((other) => other !== axis), axis];
    const input = permuted(layer, "axis_last", layer.input, order);
    const channels = layer.sizeOf(input, -1);
    const gamma = config.boolean("scale", true) ? layer.weight("gamma", [channels]) : null;
    const beta = config.boolean("center", true) ? layer.weight("beta", [channels]) : null;
    const average = layer.weight("moving_mean", [channels]);
    const variance = layer.weight("moving_variance", [channels]);
    if (config.boolean("renorm", false)) layer.dropWeights("moving_stddev", "renorm_mean", "renorm_stddev");
    const epsilon = config.number("epsilon", 1e-3);
    const output = layer.emit(batchNorm, "batch_norm", [input, gamma, beta, average, variance], { epsilon });
    return permuted(
      layer,
      "axis_back",
      output,
      range(0, rank).map((at) => order.indexOf(at)),
    );
  },
};

/** (x − mean) / √(variance + epsilon) over `axes`. */
function standardized(layer: LayerBuilder, x: TensorId, axes: readonly number[], epsilon: number): TensorId {
  const keepDims = { keepDims: true };
  const average = layer.emit(mean, "mean", [x, indices(layer, axes)], keepDims);
  const squares = layer.emit(squaredDifference, "squares", [x, average]);
  const variance = layer.emit(mean, "variance", [squares, indices(layer, axes)], keepDims);
  const scale = inverseRoot(layer, variance, epsilon);
  return layer.emit(mul, "standardized", [layer.emit(sub, "centered", [x, average]), scale]);
}

const inverseRoot = (layer: LayerBuilder, x: TensorId, epsilon: number): TensorId =>
  layer.emit(rsqrt, "rsqrt", [layer.emit(add, "with_epsilon", [x, layer.scalar(epsilon)])]);

/** x / √(mean(x²) + epsilon) */
function rootMeanSquare(layer: LayerBuilder, x: TensorId, axes: readonly number[], epsilon: number): TensorId {
  const squares = layer.emit(square, "squares", [x]);
  const average = layer.emit(mean, "mean_square", [squares, indices(layer, axes)], { keepDims: true });
  return layer.emit(mul, "standardized", [x, inverseRoot(layer, average, epsilon)]);
}

export const layerNormalizationLayer: LayerLowering = {
  classNames: ["LayerNormalization"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => {
    const { config, input } = layer;
    const axes = axesOf(layer, layer.shapeOf(input).length);
    const epsilon = config.number("epsilon", 1e-3);
    const rms = config.boolean("rms_scaling", false);
    const gamma = config.boolean("scale", true) || rms ? along(layer, "gamma", axes) : null;
    const beta = config.boolean("center", true) && !rms ? along(layer, "beta", axes) : null;
    if (rms) {
      // Keras divides by the deviation here, and not by the root of the mean square.
      throw new LayerRefusal("rms_scaling is not converted; use RMSNormalization");
    }
    return affine(layer, standardized(layer, input, axes, epsilon), gamma, beta);
  },
};

function affine(layer: LayerBuilder, x: TensorId, gamma: TensorId | null, beta: TensorId | null): TensorId {
  const scaled = gamma === null ? x : layer.emit(mul, "gamma", [x, gamma]);
  return beta === null ? scaled : layer.emit(add, "beta", [scaled, beta]);
}

export const rmsNormalizationLayer: LayerLowering = {
  classNames: ["RMSNormalization"],
  arity: "one",
  lower: (layer) => {
    const axes = axesOf(layer, layer.shapeOf(layer.input).length);
    const normal = rootMeanSquare(layer, layer.input, axes, layer.config.number("epsilon", 1e-6));
    return layer.emit(mul, "scale", [normal, along(layer, "scale", axes)]);
  },
};

/** The channels in groups, each of them normalised over all places of its sample. */
export const groupNormalizationLayer: LayerLowering = {
  classNames: ["GroupNormalization"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => {
    const { config } = layer;
    const rank = layer.shapeOf(layer.input).length;
    const [axis = rank - 1] = axesOf(layer, rank);
    const order = [...range(0, rank).filter((other) => other !== axis), axis];
    const input = permuted(layer, "axis_last", layer.input, order);
    const shape = layer.shapeOf(input);
    const channels = layer.sizeOf(input, -1);
    const asked = config.integer("groups", 32);
    const groups = asked === -1 ? channels : asked;
    if (groups < 1 || channels % groups !== 0) throw layer.fault(`${channels} channels in ${groups} groups`);
    const places = range(1, rank - 1).reduce((count, at) => count * layer.sizeOf(input, at), 1);
    const grouped = reshapeTo(layer, "groups", input, [shape[0] ?? 1, places, groups, channels / groups]);
    const normal = standardized(layer, grouped, [1, 3], config.number("epsilon", 1e-3));
    const gamma = config.boolean("scale", true) ? layer.weight("gamma", [channels]) : null;
    const beta = config.boolean("center", true) ? layer.weight("beta", [channels]) : null;
    const output = affine(layer, reshapeTo(layer, "channels", normal, shape), gamma, beta);
    return permuted(
      layer,
      "axis_back",
      output,
      range(0, rank).map((at) => order.indexOf(at)),
    );
  },
};

/** x / max(‖x‖, 1e-6), as x · rsqrt(max(Σx², 1e-12)). */
export function unitLength(layer: LayerBuilder, x: TensorId, axes: readonly number[]): TensorId {
  const total = layer.emit(sum, "norm", [layer.emit(square, "squares", [x]), indices(layer, axes)], { keepDims: true });
  const positive = layer.emit(maximum, "norm_above_zero", [total, layer.scalar(1e-12)]);
  return layer.emit(mul, "unit", [x, layer.emit(rsqrt, "rsqrt", [positive])]);
}

export const unitNormalizationLayer: LayerLowering = {
  classNames: ["UnitNormalization"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => unitLength(layer, layer.input, axesOf(layer, layer.shapeOf(layer.input).length)),
};

/** Integers (pixels) become numbers. */
export function asFloat(layer: LayerBuilder, x: TensorId): TensorId {
  if (layer.dtypeOf(x) === "float32") return x;
  return layer.emit(cast, "as_float", [x], { inDataType: "INT32", outDataType: "FLOAT32" });
}

/** x·scale + offset, each one number or one per channel. */
export const rescalingLayer: LayerLowering = {
  classNames: ["Rescaling"],
  arity: "one",
  // Keras 3 keeps it, Keras 2 does not.
  masking: "unclear",
  refuses: (config) =>
    isChannelsFirst(config) && [config.get("scale"), config.get("offset")].some(Array.isArray)
      ? "a scale or offset per channel with channels_first"
      : undefined,
  lower: (layer) => {
    const scaled = layer.emit(mul, "scale", [asFloat(layer, layer.input), numbersOf(layer, "scale", 1)]);
    if ([layer.config.get("offset") ?? 0].flat().every((value) => value === 0)) return scaled;
    return layer.emit(add, "offset", [scaled, numbersOf(layer, "offset", 0)]);
  },
};

/** A number of the config, or a list of them along the last axis, or in the shape `spread` that has as many. */
function numbersOf(
  layer: LayerBuilder,
  name: string,
  fallback: number,
  { change = (value: number) => value, spread = [] as readonly number[] } = {},
): TensorId {
  const value = layer.config.get(name) ?? fallback;
  const list = (Array.isArray(value) ? value.flat(8) : [value]).map((item) => {
    if (typeof item === "number") return change(item);
    throw jsonFault(`${layer.config.path}.${name}`, "numbers", value);
  });
  if (list.length === 1) return layer.scalar(list[0] ?? 0);
  const fits = spread.reduce((count, size) => count * size, 1) === list.length && spread.length > 0;
  return layer.floats(name, fits ? spread : [list.length], list);
}

/** Keras keeps a deviation of 0 from dividing (`backend.epsilon`). */
const leastDeviation = 1e-7;

/** (x − mean) / √variance, numbers of the config or of the weights; the other way round where it inverts. */
export const normalizationLayer: LayerLowering = {
  classNames: ["Normalization"],
  arity: "one",
  // Keras 3 keeps it, Keras 2 does not.
  masking: "unclear",
  lower: (layer) => {
    const { config } = layer;
    const invert = config.boolean("invert", false);
    const x = asFloat(layer, layer.input);
    const axes = axesOf(layer, layer.shapeOf(x).length);
    const factor = (variance: number): number => {
      const deviation = Math.max(Math.sqrt(variance), leastDeviation);
      return invert ? deviation : 1 / deviation;
    };
    const given = config.has("mean");
    const spread = range(0, layer.shapeOf(x).length).map((axis) => (axes.includes(axis) ? layer.sizeOf(x, axis) : 1));
    const average = given ? numbersOf(layer, "mean", 0, { spread }) : along(layer, "mean", axes);
    const scale = given
      ? numbersOf(layer, "variance", 1, { change: factor, spread })
      : along(layer, "variance", axes, (values) => values.map(factor));
    layer.dropWeights("count");
    if (invert) return layer.emit(add, "shifted", [layer.emit(mul, "scaled", [x, scale]), average]);
    return layer.emit(mul, "scaled", [layer.emit(sub, "shifted", [x, average]), scale]);
  },
};
