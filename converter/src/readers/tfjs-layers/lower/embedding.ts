/** Embedding and Masking: lookups of rows, and which time steps count. Rules: tfjs-layers `layers/embeddings.ts`, `layers/core.ts`. */
import type { TensorId } from "../../../ir/graph.ts";
import { cast } from "../../../ops/cast.ts";
import { gather } from "../../../ops/gather.ts";
import { mul } from "../../../ops/mul.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { reduceAny } from "../../../ops/reduce-any.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import type { LayerLowering } from "./lowering.ts";

/** Whole numbers, which Keras takes as floats too. */
const indicesOf = (layer: LayerBuilder): TensorId =>
  layer.dtypeOf(layer.input) === "int32"
    ? layer.input
    : layer.emit(cast, "indices", [layer.input], { inDataType: "FLOAT32", outDataType: "INT32" });

export const embeddingLayer: LayerLowering = {
  classNames: ["Embedding"],
  arity: "one",
  masking: "drops",
  refuses: (config) => (config.integer("lora_rank", 0) > 0 ? "a layer with LoRA weights" : undefined),
  lower: (layer) => {
    const { config } = layer;
    const table = layer.weight("embeddings", [config.count("input_dim"), config.count("output_dim")]);
    return layer.emit(gather, "lookup", [table, indicesOf(layer)]);
  },
  makeMask: (layer) => {
    if (!layer.config.boolean("mask_zero", false)) return undefined;
    return layer.emit(notEqual, "mask", [indicesOf(layer), layer.integers("zero", [], [0])]);
  },
};

/** Whether any feature of a step differs from the mask's value. */
function differing(layer: LayerBuilder, role: string, keepDims: boolean): TensorId {
  const value = layer.scalar(layer.config.number("mask_value", 0));
  const apart = layer.emit(notEqual, `${role}/features`, [layer.input, value]);
  const last = layer.integers("last_axis", [1], [layer.shapeOf(layer.input).length - 1]);
  return layer.emit(reduceAny, role, [apart, last], { keepDims });
}

/** Steps whose features all have one value become zeros, and are left out by recurrent layers behind. */
export const maskingLayer: LayerLowering = {
  classNames: ["Masking"],
  arity: "one",
  lower: (layer) => {
    const counts = differing(layer, "steps", true);
    const factors = layer.emit(cast, "factors", [counts], { inDataType: "BOOL", outDataType: "FLOAT32" });
    return layer.emit(mul, "masked", [layer.input, factors]);
  },
  makeMask: (layer) => differing(layer, "mask", false),
};
