/** Layers that are activations: Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax. Rules: tfjs-layers `layers/advanced_activations.ts`. */
import type { TensorId } from "../../../ir/graph.ts";
import { elu } from "../../../ops/elu.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { prelu } from "../../../ops/prelu.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { softmax } from "../../../ops/softmax.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

export const activationLayer: LayerLowering = {
  classNames: ["Activation"],
  arity: "one",
  refuses: refusesActivation,
  lower: (layer) => applyActivation(layer, layer.input),
};

/** min(max(x, 0), max_value), with negative_slope·x below 0. tfjs-layers reads max_value only. */
export const reluLayer: LayerLowering = {
  classNames: ["ReLU"],
  arity: "one",
  refuses: (config, dialect) => {
    if (config.number("threshold", 0) !== 0) return "a threshold is not converted";
    if (config.number("negative_slope", 0) !== 0 && dialect === "tfjs") {
      return "tfjs-layers runs it without its negative_slope: it means another thing in Keras than in TFJS; use LeakyReLU";
    }
    return undefined;
  },
  lower: (layer) => {
    const slope = layer.config.number("negative_slope", 0);
    const highest = layer.config.has("max_value") ? layer.config.number("max_value") : undefined;
    if (slope === 0 && highest === 6) return layer.emit(relu6, "relu6", [layer.input]);
    const bent = slope === 0 ? rectified(layer) : layer.emit(leakyRelu, "leaky_relu", [layer.input], { alpha: slope });
    return highest === undefined ? bent : layer.emit(minimum, "clip", [bent, layer.floats("max_value", [], [highest])]);
  },
};

const rectified = (layer: LayerBuilder): TensorId => layer.emit(relu, "relu", [layer.input]);

export const leakyReluLayer: LayerLowering = {
  classNames: ["LeakyReLU"],
  arity: "one",
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
  lower: (layer) => {
    const shape = layer.shapeOf(layer.input).slice(1);
    const shared = layer.config.has("shared_axes") ? layer.config.list("shared_axes") : [];
    for (const axis of shared) {
      if (typeof axis !== "number" || shape[axis - 1] === undefined) {
        throw layer.fault(`its shared axis ${JSON.stringify(axis)} is none of its input`);
      }
      shape[axis - 1] = 1;
    }
    return layer.emit(prelu, "prelu", [layer.input, layer.weight("alpha", shape)]);
  },
};

export const eluLayer: LayerLowering = {
  classNames: ["ELU"],
  arity: "one",
  refuses: (config) =>
    config.number("alpha", 1) === 1 ? undefined : `alpha ${config.number("alpha")}: the kernel has only alpha 1`,
  lower: (layer) => layer.emit(elu, "elu", [layer.input]),
};

/** tfjs-layers' default axis is 1, Keras' is -1; both are the last axis for [batch, classes]. */
export const softmaxLayer: LayerLowering = {
  classNames: ["Softmax"],
  arity: "one",
  lower: (layer) => {
    const rank = layer.shapeOf(layer.input).length;
    const value = layer.config.get("axis") ?? (layer.dialect === "tfjs" ? 1 : -1);
    const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
    if (axis !== -1 && axis !== rank - 1) {
      throw new LayerRefusal(`softmax over axis ${JSON.stringify(value)} of ${rank}; only the last one is converted`);
    }
    return layer.emit(softmax, "softmax", [layer.input], { beta: 1 });
  },
};

/** x where x > theta, else 0: no TFLite operator clips from below to something else, so the form without theta only. */
export const thresholdedReluLayer: LayerLowering = {
  classNames: ["ThresholdedReLU"],
  arity: "one",
  refuses: (config) => (config.number("theta", 1) === 0 ? undefined : "theta other than 0 is not converted"),
  lower: (layer) => layer.emit(maximum, "relu", [layer.input, layer.floats("zero", [], [0])]),
};
