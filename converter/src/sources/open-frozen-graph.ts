/** Opens a frozen GraphDef: one `.pb` file. Its proof is the graph itself, unsimplified, in tfjs-converter. */
import { basename, dirname, resolve } from "node:path";
import { folderSource } from "../readers/folder-source.ts";
import { readFrozenGraph } from "../readers/tf-graph/frozen-graph.ts";
import { refOf } from "../readers/tf-graph/graph.ts";
import { graphJson } from "../readers/tf-graph/graph-def-json.ts";
import { lowerGraph } from "../readers/tf-graph/lower-graph.ts";
import { graphTruth } from "../runtimes/graph-truth.ts";
import { digestingSource, type SourceOpener } from "./source.ts";

export const openFrozenGraph: SourceOpener = async (path, file, options) => {
  const source = digestingSource(folderSource(dirname(resolve(file))));
  const { graph, inputs, outputs } = readFrozenGraph(await source.read(basename(file)));
  const { inputShapes } = options;
  const model = lowerGraph({ label: basename(file), graph, inputs, outputs, ...(inputShapes ? { inputShapes } : {}) });
  const [feeds, fetches] = [inputs, outputs].map((ends) => ends.map(({ output }) => output));
  return {
    path,
    format: "frozen-graph",
    sha256: source.digest(),
    model,
    truth: () =>
      graphTruth(
        {
          source: graphJson(graph, fetches ?? [], feeds ?? []),
          inputs: (feeds ?? []).map(refOf),
          outputs: (fetches ?? []).map(refOf),
        },
        model,
      ),
  };
};
