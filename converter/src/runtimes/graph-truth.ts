/**
 * A TensorFlow graph in tfjs-converter, sample by sample, its inputs and outputs named as the model's signature names them.
 * Operators that tfjs does not have are named: then only recorded outputs can prove the conversion.
 */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Model, TensorId } from "../ir/graph.ts";
import { tensorOf } from "../ir/graph.ts";
import { runtimeLabel, type SourceTruth } from "./source-truth.ts";
import { createTfjsGraphRuntime, type GraphEnd, type GraphSource } from "./tfjs-graph.ts";
import { exactOperator } from "./tfjs-operators.ts";

/** The source as tfjs takes it, and which of its tensors the model's inputs and outputs are, in the model's order. */
export interface GraphTruthSource {
  readonly source: Omit<GraphSource, "signature">;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

const dtypes = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" } as const;

/** @throws PROOF_UNAVAILABLE when tfjs cannot load it; its runs throw it when tfjs cannot run it */
export async function graphTruth({ source, inputs, outputs }: GraphTruthSource, model: Model): Promise<SourceTruth> {
  const runtime = createTfjsGraphRuntime();
  const [graph] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  const end = (name: string, id: TensorId | undefined): GraphEnd => {
    const { dtype, shape } = id === undefined ? { dtype: "float32", shape: [] } : tensorOf(graph, id);
    const type = dtype === "int32" || dtype === "bool" ? dtypes[dtype] : dtypes.float32;
    return { name, dtype: type, tensorShape: { dim: shape.map((size) => ({ size })) } };
  };
  const ends = (names: readonly string[], ids: readonly TensorId[], letter: string) =>
    Object.fromEntries(names.map((name, at) => [`${letter}${at}`, end(name, ids[at])]));
  const signature = { inputs: ends(inputs, graph.inputs, "i"), outputs: ends(outputs, graph.outputs, "o") };
  const modelTopology = withExactOperators(source.modelTopology);
  const loaded = await runtime.load({ ...source, modelTopology, signature }).catch(unavailable);
  return {
    label: runtimeLabel({ ...runtime, build: loaded.build }),
    run: async (samples) => {
      const answers: NdArray[][] = [];
      for (const sample of samples) {
        const feeds = new Map(sample.map((array, at) => [`i${at}`, array]));
        const results = await loaded.run(feeds).catch(unavailable);
        answers.push(
          outputs.map((name, at) => {
            const result = results.get(`o${at}`);
            if (result) return result;
            throw new FlotillaError("PROOF_UNAVAILABLE", `tfjs-converter gives no output "${name}".`);
          }),
        );
      }
      return answers;
    },
    close: () => loaded.close(),
  };
}

/** With operators that tfjs lacks or mistakes under the names of those that are exact. */
function withExactOperators(topology: GraphSource["modelTopology"]): GraphSource["modelTopology"] {
  const { node, library } = topology as JsonObject; // JSON by its readers, which made or parsed it
  const exact = (nodes: JsonValue | undefined): JsonValue[] =>
    Array.isArray(nodes) ? nodes.map((one: JsonValue) => exactNode(one)) : [];
  const functions = isJsonObject(library) && Array.isArray(library.function) ? library.function : [];
  const bodies = functions.map((one: JsonValue) => (isJsonObject(one) ? { ...one, nodeDef: exact(one.nodeDef) } : one));
  return { ...topology, node: exact(node), ...(bodies.length > 0 ? { library: { function: bodies } } : {}) };
}

function exactNode(one: JsonValue): JsonValue {
  const op = isJsonObject(one) && typeof one.op === "string" ? exactOperator(one.op) : undefined;
  return isJsonObject(one) && op !== undefined ? { ...one, op } : one;
}

function unavailable(thrown: unknown): never {
  const cause = asFlotillaError(thrown);
  throw new FlotillaError("PROOF_UNAVAILABLE", `The source cannot be run: ${cause.message}`, { cause });
}
