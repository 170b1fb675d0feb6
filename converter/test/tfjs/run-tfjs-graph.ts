/** A graph as a TFJS GraphModel, through the bytes of its files, in tfjs itself. */
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Model } from "../../src/ir/graph.ts";
import { tfjsArtifacts } from "../../src/runtimes/tfjs-files.ts";
import { createTfjsGraphRuntime } from "../../src/runtimes/tfjs-graph.ts";
import { raiseModel, writeTfjsGraph } from "../../src/writers/tfjs-graph/write-tfjs-graph.ts";
import type { TfjsRecipe } from "../../src/writers/tfjs-weights/tfjs-recipe.ts";

/** Inputs and results in the order of the graph's. */
export async function runTfjsGraph(
  model: Model,
  inputs: readonly NdArray[],
  recipe: TfjsRecipe = "float32",
): Promise<readonly NdArray[]> {
  const loaded = await createTfjsGraphRuntime().load(tfjsArtifacts(writeTfjsGraph(raiseModel(model, recipe), recipe)));
  try {
    const results = await loaded.run(new Map(loaded.inputs.map(({ name }, at) => [name, inputs[at]!])));
    return loaded.outputs.map(({ name }) => results.get(name)!);
  } finally {
    loaded.close();
  }
}
