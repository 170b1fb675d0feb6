/**
 * Opens a SavedModel: a folder with saved_model.pb and its variables. It is proven against TensorFlow itself where tfjs-node
 * is installed; else the inlined graph with its variables as constants, unsimplified, runs in tfjs-converter, and where tfjs
 * lacks an operator or the model has loops, only recorded outputs prove it.
 */
import { basename, dirname, resolve } from "node:path";
import { folderSource } from "../readers/folder-source.ts";
import { refOf } from "../readers/tf-graph/graph.ts";
import { graphJson } from "../readers/tf-graph/graph-def-json.ts";
import { lowerGraph } from "../readers/tf-graph/lower-graph.ts";
import { openSavedModel as readSavedModel } from "../readers/tf-graph/saved-model/saved-model.ts";
import { graphTruth } from "../runtimes/graph-truth.ts";
import { savedModelTruth } from "../runtimes/saved-model-truth.ts";
import { digestingSource, type SourceOpener } from "./source.ts";

export const openSavedModel: SourceOpener = async (path, file, options) => {
  const folder = dirname(resolve(file));
  const source = digestingSource(folderSource(folder));
  const read = await readSavedModel(source, basename(file), options.signature);
  const { graph, inputs, outputs, signature } = read;
  const { inputShapes } = options;
  const label = basename(folder);
  const model = lowerGraph({ label, graph, inputs, outputs, signature, ...(inputShapes ? { inputShapes } : {}) });
  const feeds = inputs.map(({ output }) => output);
  const fetches = outputs.map(({ output }) => output);
  return {
    path,
    format: "saved-model",
    sha256: source.digest(),
    model,
    otherSignatures: read.signatures.filter((one) => one !== signature),
    truth: async () =>
      (await savedModelTruth({ folder, tags: ["serve"], signature }, model)) ??
      graphTruth(
        { source: graphJson(graph, fetches, feeds), inputs: feeds.map(refOf), outputs: fetches.map(refOf) },
        model,
      ),
  };
};
