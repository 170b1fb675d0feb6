/**
 * What a device must have to run a file, derived from the file and nothing else (design: formats.md, "Requirements").
 * Operator versions and first runtimes: `op_version.cc`, `runtime_version.cc` (facts with each operator in ops/).
 */
import type { Requirements } from "@flotilla/protocol/documents/release";
import { type Model, type TensorId, tensorOf } from "../ir/graph.ts";
import { useOf } from "../ops/graph-facts.ts";
import { planArena } from "../prove/arena.ts";
import { compareVersions, writableOp } from "../writers/tflite/operator-codes.ts";

/** LiteRT 1.0 followed TensorFlow 2.17 and has had every operator version written here since. */
const litertMinVersion = "1.0.0";
const oldestRuntime = "1.5.0";
/** While it is tried, a variant lies on the device's storage once; its goldens and state are small beside it. */
const storageOverheadBytes = 1 << 20;

export function deriveRequirements(model: Model, sizeBytes: number): Requirements {
  const operators: Record<string, { maxVersion: number; dtypes: string[] }> = {};
  let minRuntime = oldestRuntime;
  for (const graph of model.graphs) {
    for (const node of graph.nodes) {
      const op = writableOp(node);
      const version = op.version(useOf(graph, node));
      const first = op.minRuntime[version];
      if (first !== undefined && compareVersions(first, minRuntime) > 0) minRuntime = first;
      const known = operators[node.kind] ?? { maxVersion: 1, dtypes: [] };
      known.maxVersion = Math.max(known.maxVersion, version);
      const dtypes = node.inputs.flatMap((id) => (id === null ? [] : [tensorOf(graph, id).dtype])).slice(0, 1);
      known.dtypes = [...new Set([...known.dtypes, ...dtypes])].sort();
      operators[node.kind] = known;
    }
  }
  const [main] = model.graphs;
  const spec = (ids: readonly TensorId[]) =>
    main === undefined
      ? []
      : ids.map((id) => tensorOf(main, id)).map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] }));
  return {
    operators: Object.fromEntries(Object.entries(operators).sort(([a], [b]) => (a < b ? -1 : 1))),
    runtimes: [
      { name: "litert", minVersion: litertMinVersion },
      { name: "tflite", minVersion: minRuntime },
    ],
    arenaBytes: Math.max(...model.graphs.map(planArena), 0),
    sizeBytes,
    storageBytes: sizeBytes + storageOverheadBytes,
    inputs: spec(main?.inputs ?? []),
    outputs: spec(main?.outputs ?? []),
  };
}
