/**
 * Writes a LayersModel again with its weights in another precision: the topology as it was read (in Keras 2 form), the
 * weights in the order of their manifest, cut anew. An optimizer's state and training configuration stay behind.
 */
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { TfjsWeight } from "../tfjs-weights/encode-weight.ts";
import type { TfjsRecipe } from "../tfjs-weights/tfjs-recipe.ts";
import { writeShards } from "../tfjs-weights/write-shards.ts";

/** A LayersModel as its reader has it. */
export interface LayersModelParts {
  readonly modelTopology: JsonObject;
  readonly weights: readonly TfjsWeight[];
}

/** File name → bytes; `model.json` is the first. */
export function writeTfjsLayers(
  { modelTopology, weights }: LayersModelParts,
  recipe: TfjsRecipe,
): ReadonlyMap<string, Uint8Array> {
  const { manifest, files } = writeShards(weights, recipe);
  const { training_config: _, ...topology } = modelTopology;
  const json: JsonObject = {
    format: "layers-model",
    generatedBy: "Flotilla",
    convertedBy: "Flotilla",
    modelTopology: topology,
    weightsManifest: manifest,
  };
  return new Map([["model.json", new TextEncoder().encode(JSON.stringify(json))], ...files]);
}
