/** Dense: x·W + b over the last axis, whatever the rank. Keras keeps W as [in, out], TFLite takes [out, in]. */
import type { TensorId } from "../../../ir/graph.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";

/** x·W + b, with a stored W of [in, out]; the rank stays. */
export function dense(
  layer: LayerBuilder,
  role: string,
  x: TensorId,
  weights: TensorId,
  bias: TensorId | null,
): TensorId {
  const keepNumDims = layer.shapeOf(x).length !== 2;
  return layer.emit(fullyConnected, role, [x, weights, bias], { keepNumDims });
}

/** A stored matrix [in, out] as FULLY_CONNECTED takes it. */
export const matrix = (layer: LayerBuilder, name: string, inputs: number, outputs: number): TensorId =>
  layer.weight(name, [inputs, outputs], { key: "transposed", shape: [outputs, inputs], permutation: [1, 0] });

export const denseLayer: LayerLowering = {
  classNames: ["Dense"],
  arity: "one",
  masking: "keeps",
  refuses: (config, dialect) =>
    config.integer("lora_rank", 0) > 0 ? "a layer with LoRA weights" : refusesActivation(config, dialect),
  lower: (layer) => {
    const { config, input } = layer;
    const shape = layer.shapeOf(input);
    if (shape.length < 2) throw layer.fault(`its input needs two axes or more and has [${shape.join(", ")}]`);
    if (layer.dtypeOf(input) !== "float32") throw new LayerRefusal("its input is of integers");
    const units = config.count("units");
    const weights = matrix(layer, "kernel", layer.sizeOf(input, -1), units);
    const bias = config.boolean("use_bias", true) ? layer.weight("bias", [units]) : null;
    return applyActivation(layer, dense(layer, "dense", input, weights, bias));
  },
};
