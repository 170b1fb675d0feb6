/**
 * CONVERSION_METADATA: what was done to a model, in the words of TensorFlow's converter (`conversion_metadata.fbs`).
 * A source's own no longer holds once the model was rewritten, so it is replaced; the table has no file identifier.
 */
import {
  bool,
  defineEnum,
  defineTable,
  enumOf,
  string,
  tableOf,
  uint32,
  uint64,
  vectorOf,
} from "@flotilla/protocol/flatbuffer/schema";
import { encodeFlatbuffer } from "../../codecs/flatbuffer/encode-flatbuffer.ts";
import type { Model } from "../../ir/graph.ts";
import { custom } from "../../ops/custom.ts";

const entryName = "CONVERSION_METADATA";

const modelType = defineEnum("ModelType", "int32", {
  NONE: 0,
  TF_SAVED_MODEL: 1,
  KERAS_MODEL: 2,
  TF_CONCRETE_FUNCTIONS: 3,
  TF_GRAPH_DEF: 4,
  TF_SESSION: 5,
  JAX: 6,
  PYTORCH: 7,
});

const conversionTable = defineTable("ConversionMetadata", {
  environment: tableOf(
    defineTable("Environment", {
      tensorflowVersion: string(),
      apiVersion: uint32(),
      modelType: enumOf(modelType, "NONE"),
      modelHash: uint64(),
    }),
  ),
  options: tableOf(
    defineTable("ConversionOptions", {
      modelOptimizationModes: vectorOf("int32"),
      allowCustomOps: bool(),
      enableSelectTfOps: bool(),
      forceSelectTfOps: bool(),
    }),
  ),
});

/** `ModelOptimizationMode` by recipe. */
const modes: Readonly<Record<string, readonly number[]>> = {
  float16: [1001],
  "dynamic-int8": [1002],
  "weight-only-int8": [1002],
  "int4-weights": [1002],
  int8: [1003],
  int16x8: [1004],
};

/** The model as the recipe has made it; as its maker left it where the recipe changes nothing. */
export function recordConversion(model: Model, recipe: string): Model {
  if (recipe === "as-is") return model;
  const allowCustomOps = model.graphs.some(({ nodes }) => nodes.some((node) => custom.is(node)));
  const bytes = encodeFlatbuffer(
    { environment: { modelType: "NONE" }, options: { modelOptimizationModes: modes[recipe] ?? [], allowCustomOps } },
    conversionTable,
  );
  return {
    ...model,
    metadata: [...model.metadata.filter(({ name }) => name !== entryName), { name: entryName, bytes }],
  };
}
