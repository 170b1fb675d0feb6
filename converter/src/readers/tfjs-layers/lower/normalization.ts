/** BatchNormalization at inference, and Rescaling. Rules: tfjs-layers `layers/normalization.ts`, `layers/preprocessing/image_preprocessing.ts`. */
import { add } from "../../../ops/add.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { mul } from "../../../ops/mul.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

/** The axis that is normalised; Keras 1 wrote a list of one. */
function axisOf(layer: LayerBuilder, rank: number): number {
  const value = layer.config.get("axis");
  const [single = -1] = Array.isArray(value) ? value : [];
  const axis = Array.isArray(value) && typeof single === "number" ? single : layer.config.integer("axis", -1);
  return axis < 0 ? axis + rank : axis;
}

export const batchNormalizationLayer: LayerLowering = {
  classNames: ["BatchNormalization"],
  arity: "one",
  lower: (layer) => {
    const { config, input } = layer;
    const shape = layer.shapeOf(input);
    const axis = axisOf(layer, shape.length);
    if (axis !== shape.length - 1) {
      throw new LayerRefusal(`it normalises axis ${axis} of ${shape.length}; only the last one is converted`);
    }
    const channels = shape[axis] ?? 0;
    const gamma = config.boolean("scale", true) ? layer.weight("gamma", [channels]) : null;
    const beta = config.boolean("center", true) ? layer.weight("beta", [channels]) : null;
    const mean = layer.weight("moving_mean", [channels]);
    const variance = layer.weight("moving_variance", [channels]);
    const epsilon = config.number("epsilon", 1e-3);
    return layer.emit(batchNorm, "batch_norm", [input, gamma, beta, mean, variance], { epsilon });
  },
};

/** x·scale + offset */
export const rescalingLayer: LayerLowering = {
  classNames: ["Rescaling"],
  arity: "one",
  refuses: (config) =>
    Array.isArray(config.get("scale")) || Array.isArray(config.get("offset"))
      ? "a scale or offset per channel is not converted"
      : undefined,
  lower: (layer) => {
    const scaled = layer.emit(mul, "scale", [layer.input, layer.floats("by", [], [layer.config.number("scale")])]);
    const offset = layer.config.number("offset", 0);
    return offset === 0 ? scaled : layer.emit(add, "offset", [scaled, layer.floats("to", [], [offset])]);
  },
};
