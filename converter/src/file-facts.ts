/** What a model that is about to be written says of itself: operators, versions, multiply-accumulates, arena, ends. */
import type { EndFacts, FileFacts } from "./convert-result.ts";
import { type Graph, type Model, type TensorId, tensorOf } from "./ir/graph.ts";
import { useOf } from "./ops/graph-facts.ts";
import { transpose } from "./ops/transpose.ts";
import { planArena } from "./prove/arena.ts";
import { type EndAxes, endAxesOf, type SourceAxes } from "./runtimes/file-axes.ts";
import { compareVersions, writableOp } from "./writers/tflite/operator-codes.ts";

/** TensorFlow 1.5 is the first that any operator version in `runtime_version.cc` names. */
const oldestRuntime = "1.5.0";

/** `axes`: where the axes of its inputs and outputs come from; default: what its tensors say. */
export function fileFacts(model: Model, axes?: EndAxes): FileFacts {
  const operators = new Map<string, { count: number; version: number }>();
  let macs = 0;
  let minRuntimeVersion = oldestRuntime;
  let transposes = 0;
  for (const graph of model.graphs) {
    for (const node of graph.nodes) {
      const op = writableOp(node);
      const use = useOf(graph, node);
      const version = op.version(use);
      const known = operators.get(node.kind) ?? { count: 0, version: 1 };
      operators.set(node.kind, { count: known.count + 1, version: Math.max(known.version, version) });
      const first = op.minRuntime[version];
      if (first !== undefined && compareVersions(first, minRuntimeVersion) > 0) minRuntimeVersion = first;
      macs += op.macs(use);
      if (transpose.is(node)) transposes++;
    }
  }
  const [main] = model.graphs;
  const { inputs = [], outputs = [] } = axes ?? (main ? endAxesOf(main) : {});
  return {
    operators: Object.fromEntries([...operators].sort(([a], [b]) => (a < b ? -1 : 1))),
    transposes,
    macs,
    arenaBytes: Math.max(0, ...model.graphs.map(planArena)),
    minRuntimeVersion,
    inputs: main ? endFacts(main, main.inputs, inputs) : [],
    outputs: main ? endFacts(main, main.outputs, outputs) : [],
  };
}

const endFacts = (graph: Graph, ids: readonly TensorId[], axes: readonly SourceAxes[]): EndFacts[] =>
  ids.map((id, at) => {
    const { name, dtype, shape, quantization } = tensorOf(graph, id);
    const [scale = null] = quantization?.scales ?? [];
    const [zeroPoint = null] = quantization?.zeroPoints ?? [];
    return { name, dtype, shape, sourceAxes: axes[at] ?? null, scale, zeroPoint };
  });

/** Elements of the float constants of a model. */
export function parametersOf(model: Model): number {
  let parameters = 0;
  for (const graph of model.graphs) {
    for (const { constant, dtype } of graph.tensors.values()) {
      if (constant && (dtype === "float32" || dtype === "float16" || dtype === "int8" || dtype === "uint8")) {
        parameters += constant.byteLength / (dtype === "float32" ? 4 : dtype === "float16" ? 2 : 1);
      }
    }
  }
  return parameters;
}
