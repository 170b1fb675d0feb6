/** Layers that are activations: Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax. Rules: tfjs-layers `layers/advanced_activations.ts`. */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { elu } from "../../../ops/elu.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { prelu } from "../../../ops/prelu.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { softmax } from "../../../ops/softmax.ts";
import { sub } from "../../../ops/sub.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, clipped, keptAbove, refusesActivation } from "./activation-functions.ts";
import { factorsOf, withoutExcluded } from "./attention-masks.ts";
import { permuted, range, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

export const activationLayer: LayerLowering = {
  classNames: ["Activation"],
  arity: "one",
  masking: "keeps",
  refuses: refusesActivation,
  lower: (layer) => applyActivation(layer, layer.input),
};

/** Keras `backend.relu`: clipped at max_value, 0 up to the threshold, negative_slope·(x − threshold) below it. */
export const reluLayer: LayerLowering = {
  classNames: ["ReLU"],
  arity: "one",
  masking: "keeps",
  refuses: (config, dialect) => {
    const forgotten = ["threshold", "negative_slope"].filter((name) => config.number(name, 0) !== 0);
    if (dialect === "keras" || forgotten.length === 0) return undefined;
    return `tfjs-layers runs it without its ${forgotten.join(" and ")}: it means another thing in Keras than in TFJS; use LeakyReLU`;
  },
  lower: (layer) => {
    const { config, input } = layer;
    const [slope, threshold] = [config.number("negative_slope", 0), config.number("threshold", 0)];
    const highest = config.has("max_value") ? config.number("max_value") : undefined;
    if (slope === 0 && threshold === 0 && highest === 6) return layer.emit(relu6, "relu6", [input]);
    const atMost = (x: TensorId): TensorId =>
      highest === undefined ? x : layer.emit(minimum, "clip", [x, layer.scalar(highest)]);
    if (threshold === 0 && slope === 0) return atMost(layer.emit(relu, "relu", [input]));
    if (threshold === 0) return atMost(layer.emit(leakyRelu, "leaky_relu", [input], { alpha: slope }));
    const kept = keptAbove(layer, input, input, threshold);
    const positive = highest === undefined ? kept : clipped(layer, "clip", kept, 0, highest);
    if (slope === 0) return positive;
    const below = layer.emit(relu, "below", [layer.emit(sub, "distance", [layer.scalar(threshold), input])]);
    return layer.emit(sub, "relu", [positive, layer.emit(mul, "slope", [below, layer.scalar(slope)])]);
  },
};

export const leakyReluLayer: LayerLowering = {
  classNames: ["LeakyReLU"],
  arity: "one",
  masking: "keeps",
  // Keras 3 renamed `alpha`.
  lower: (layer) => {
    const alpha = layer.config.number("alpha", layer.config.number("negative_slope", 0.3));
    // LEAKY_RELU's kernel takes any slope; one above 1 is max(x, alpha·x) no more, which it does not claim to be.
    return layer.emit(leakyRelu, "leaky_relu", [layer.input], { alpha });
  },
};

export const preluLayer: LayerLowering = {
  classNames: ["PReLU"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => {
    const shape = [...layer.shapeOf(layer.input).slice(1)];
    const shared = layer.config.has("shared_axes") ? layer.config.list("shared_axes") : [];
    for (const axis of shared) {
      if (typeof axis !== "number" || shape[axis - 1] === undefined) {
        throw layer.fault(`its shared axis ${JSON.stringify(axis)} is none of its input`);
      }
      shape[axis - 1] = 1;
    }
    if (shape.includes(-1)) throw new LayerRefusal("it has a slope for each place along an axis of dynamic size");
    return layer.emit(prelu, "prelu", [layer.input, layer.weight("alpha", shape)]);
  },
};

/** max(x, 0) + alpha·(elu(x) − max(x, 0)): the kernel has only alpha 1. */
export const eluLayer: LayerLowering = {
  classNames: ["ELU"],
  arity: "one",
  masking: "keeps",
  refuses: (config, dialect) =>
    dialect === "keras" || config.number("alpha", 1) === 1 ? undefined : "tfjs-layers does not run alpha other than 1",
  lower: (layer) => {
    const alpha = layer.config.number("alpha", 1);
    const bent = layer.emit(elu, "elu", [layer.input]);
    if (alpha === 1) return bent;
    const positive = layer.emit(relu, "relu", [layer.input]);
    const negative = layer.emit(mul, "alpha", [layer.emit(sub, "negative", [bent, positive]), layer.scalar(alpha)]);
    return layer.emit(add, "sum", [positive, negative]);
  },
};

/** tfjs-layers' default axis is 1, Keras' is -1; both are the last axis for [batch, classes]. Keras takes several axes. */
export const softmaxLayer: LayerLowering = {
  classNames: ["Softmax"],
  arity: "any",
  mergeMasks: (layer, [mask]) => (layer.dialect === "keras" ? mask : "unclear"),
  lower: (layer) => {
    if (layer.inputs.length > 2) throw new LayerRefusal("its inputs are not logits and a mask");
    const rank = layer.shapeOf(layer.input).length;
    const value = layer.config.get("axis") ?? (layer.dialect === "tfjs" ? 1 : -1);
    const axes = [value].flat().map((axis) => {
      if (typeof axis === "number" && Number.isInteger(axis) && axis >= -rank && axis < rank)
        return (axis + rank) % rank;
      throw layer.fault(`its axis ${JSON.stringify(value)} is none of ${rank}`);
    });
    const mask = layer.dialect === "keras" ? (layer.inputs[1] ?? layer.maskOf(0)) : undefined;
    if (mask === undefined) return softmaxOver(layer, layer.input, axes);
    const factors = factorsOf(layer, "counts", mask);
    const scores = withoutExcluded(layer, layer.input, factors, layer.isKeras3 ? "replaced" : "lowered");
    const weights = softmaxOver(layer, scores, axes);
    return layer.isKeras3 ? layer.emit(mul, "weights_that_count", [weights, factors]) : weights;
  },
};

/** Softmax over any axes: they are brought to the end and made one, where they are not. */
export function softmaxOver(layer: LayerBuilder, input: TensorId, axes: readonly number[]): TensorId {
  const rank = layer.shapeOf(input).length;
  if (axes.length === 1 && axes[0] === rank - 1) return layer.emit(softmax, "softmax", [input], { beta: 1 });
  const rest = range(0, rank).filter((axis) => !axes.includes(axis));
  const order = [...rest, ...range(0, rank).filter((axis) => axes.includes(axis))];
  const last = permuted(layer, "axes_last", input, order);
  const shape = layer.shapeOf(last);
  const count =
    axes.length === 1
      ? (shape.at(-1) ?? 1)
      : range(rest.length, rank).reduce((p, axis) => p * layer.sizeOf(last, axis), 1);
  const joined = axes.length === 1 ? last : reshapeTo(layer, "joined", last, [...shape.slice(0, rest.length), count]);
  const result = layer.emit(softmax, "softmax", [joined], { beta: 1 });
  const apart = axes.length === 1 ? result : reshapeTo(layer, "apart", result, shape);
  return permuted(
    layer,
    "axes_back",
    apart,
    range(0, rank).map((axis) => order.indexOf(axis)),
  );
}

/** x where x > theta, else 0. */
export const thresholdedReluLayer: LayerLowering = {
  classNames: ["ThresholdedReLU"],
  arity: "one",
  masking: "keeps",
  lower: (layer) => {
    const theta = layer.config.number("theta", 1);
    if (theta === 0) return layer.emit(relu, "relu", [layer.input]);
    return keptAbove(layer, layer.input, layer.input, theta);
  },
};
