/**
 * Writes a float model as a TFJS GraphModel: model.json and weight files. The same model gives the same bytes.
 * Sources of the format: tfjs `tfjs-core/src/io/types.ts`, `tfjs-converter` (its Python writer and its executor).
 */
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Model } from "../../ir/graph.ts";
import type { TfjsRecipe } from "../tfjs-weights/tfjs-recipe.ts";
import { writeShards } from "../tfjs-weights/write-shards.ts";
import { encodeGraphDef, encodeSignature } from "./encode-graph-def.ts";
import { fuseActivations } from "./fuse-activations.ts";
import { raiseGraph } from "./raise-graph.ts";
import { spreadChannels } from "./spread-channels.ts";
import type { TensorFlowGraph } from "./tensorflow-graph.ts";

/** File name → bytes; `model.json` is the first. */
export type TfjsFiles = ReadonlyMap<string, Uint8Array>;

/**
 * The model as a TensorFlow graph whose weights bear being stored by `recipe`.
 * @throws UNSUPPORTED_OPERATOR with the list of all that tfjs cannot execute, UNSUPPORTED_FORMAT
 */
export function raiseModel(model: Model, recipe: TfjsRecipe = "float32"): TensorFlowGraph {
  const graph = fuseActivations(raiseGraph(model));
  return recipe === "weights-uint8" ? spreadChannels(graph) : graph;
}

export function writeTfjsGraph(graph: TensorFlowGraph, recipe: TfjsRecipe): TfjsFiles {
  const { manifest, files } = writeShards(graph.weights, recipe);
  const json: JsonObject = {
    format: "graph-model",
    generatedBy: "Flotilla",
    convertedBy: "Flotilla",
    signature: encodeSignature(graph),
    modelTopology: encodeGraphDef(graph),
    weightsManifest: manifest,
  };
  return new Map([["model.json", new TextEncoder().encode(JSON.stringify(json))], ...files]);
}
