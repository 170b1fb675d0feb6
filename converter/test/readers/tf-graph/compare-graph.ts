/** A TensorFlow graph run by tfjs-converter, and lowered, rewritten, written as .tflite and run by the runtimes. */

import type { NdArray } from "@flotilla/protocol/nd-array";
import { expect } from "vitest";
import { type Model, tensorOf } from "../../../src/ir/graph.ts";
import { runPasses } from "../../../src/passes/pipeline.ts";
import type { FileSource } from "../../../src/readers/file-source.ts";
import { refOf } from "../../../src/readers/tf-graph/graph.ts";
import { lowerTfjsGraph } from "../../../src/readers/tf-graph/read-tfjs-graph.ts";
import { openTfjsGraph } from "../../../src/readers/tf-graph/tfjs-graph-container.ts";
import { graphTruth } from "../../../src/runtimes/graph-truth.ts";
import { writeTflite } from "../../../src/writers/tflite/write-tflite.ts";
import { runInRuntimes, worstRelative } from "../../run-tflite.ts";
import { seededValues } from "../saved-layers-model.ts";

export const readGraph = async (source: FileSource): Promise<Model> =>
  lowerTfjsGraph(await openTfjsGraph(source)).model;

/** Seeded inputs for a model: floats in [-1, 1), integers from 0 to 3. */
export function seededInputs(model: Model): NdArray[] {
  const graph = model.graphs[0]!;
  return graph.inputs.map((id, at): NdArray => {
    const { dtype, shape } = tensorOf(graph, id);
    const values = seededValues(
      shape.reduce((product, size) => product * size, 1),
      33 + at,
    );
    if (dtype === "int32")
      return { dtype, shape, data: Int32Array.from(values, (value) => Math.floor((value + 1) * 2)) };
    return { dtype: "float32", shape, data: Float32Array.from(values) };
  });
}

/** The outputs of the model as a file in each runtime. */
export async function runLowered(model: Model, inputs: readonly NdArray[]) {
  const floats = inputs.map(({ data }) => Float32Array.from(data as Float32Array | Int32Array)); // made by seededInputs
  return runInRuntimes(writeTflite(runPasses(model)), floats);
}

/** The worst relative difference from tfjs-converter over all outputs and runtimes. */
export async function differenceFromTfjs(source: FileSource): Promise<number> {
  const container = await openTfjsGraph(source);
  const { model, inputs, outputs } = lowerTfjsGraph(container);
  const names = (ends: typeof inputs) => ends.map(({ output }) => refOf(output));
  const truth = await graphTruth(
    { source: container.artifacts(), inputs: names(inputs), outputs: names(outputs) },
    model,
  );
  try {
    const feeds = seededInputs(model);
    const [answer = []] = await truth.run([feeds]);
    const found = await runLowered(model, feeds);
    const differences = found.flatMap((result) => {
      expect(result.outputs.map(({ length }) => length)).toEqual(answer.map(({ data }) => data.length));
      return answer.map(({ data }, at) => worstRelative(data as Float32Array, result.outputs[at]!));
    });
    return Math.max(...differences);
  } finally {
    truth.close();
  }
}
