/** Opens a TFJS GraphModel: a model.json and the shards it names. */
import { basename, dirname, resolve } from "node:path";
import { folderSource } from "../readers/folder-source.ts";
import { refOf } from "../readers/tf-graph/graph.ts";
import { lowerTfjsGraph } from "../readers/tf-graph/read-tfjs-graph.ts";
import { openTfjsGraph as openContainer } from "../readers/tf-graph/tfjs-graph-container.ts";
import { graphTruth } from "../runtimes/graph-truth.ts";
import { digestingSource, type SourceOpener } from "./source.ts";

export const openTfjsGraph: SourceOpener = async (path, file, options) => {
  const source = digestingSource(folderSource(dirname(resolve(file))));
  const container = await openContainer(source, basename(file));
  const { model, inputs, outputs } = lowerTfjsGraph(
    container,
    options.inputShapes ? { inputShapes: options.inputShapes } : {},
  );
  return {
    path,
    format: "tfjs-graph",
    sha256: source.digest(),
    model,
    truth: () =>
      graphTruth(
        {
          source: container.artifacts(),
          inputs: inputs.map(({ output }) => refOf(output)),
          outputs: outputs.map(({ output }) => refOf(output)),
        },
        model,
      ),
  };
};
