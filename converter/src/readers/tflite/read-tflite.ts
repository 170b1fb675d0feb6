/**
 * Reads a `.tflite` file into a model. Untrusted bytes end here: what comes out is a graph that is legal in the phase
 * `imported`, or an error FORMAT_* (bad bytes, with path and offset) or UNSUPPORTED_* (all operators at once).
 * Sources: LiteRT `schema.fbs`, `core/interpreter_builder.cc`. Weights are views into the file.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { decodeFlatbuffer } from "@flotilla/protocol/flatbuffer/decode-flatbuffer";
import { memoryAccess, type RandomAccess } from "@flotilla/protocol/random-access";
import { at, corrupt } from "@flotilla/protocol/tflite/corrupt";
import { metadataName } from "@flotilla/protocol/tflite/metadata-schema";
import {
  type FileGraph,
  type FileModel,
  fileIdentifier,
  modelTable,
  schemaVersion,
} from "@flotilla/protocol/tflite/schema";
import { defaultSignature } from "../../ir/default-signature.ts";
import type { Graph, Model, Node, Signature, Tensor, TensorId } from "../../ir/graph.ts";
import { attachedFiles } from "./attached-files.ts";
import { type BufferOf, fileBuffers } from "./file-buffers.ts";
import { foldDensify } from "./fold-densify.ts";
import { foldInitialState } from "./fold-initial-state.ts";
import { foldVariables, type ReadGraph, renumberGraphs } from "./fold-variables.ts";
import { readOperator, type UnsupportedUse } from "./read-operator.ts";
import { readTensor } from "./read-tensor.ts";
import { settleGraph } from "./settle-graph.ts";
import { UnpackBudget } from "./sparse-constant.ts";

/** Metadata that the writer works out anew. */
const derivedMetadata: ReadonlySet<string> = new Set(["min_runtime_version", "buffer_location"]);

/**
 * Tensor ids are places in the file; a node is named for its first result. A file without signatures gets
 * `serving_default`.
 */
export function readTflite(bytes: Uint8Array | RandomAccess): Model {
  const file = bytes instanceof Uint8Array ? memoryAccess(bytes) : bytes;
  const model = decodeFlatbuffer(bytes, modelTable, fileIdentifier);
  if (model.version !== schemaVersion)
    throw new FlotillaError(
      "UNSUPPORTED_FORMAT",
      `The file has schema version ${model.version}, not ${schemaVersion}.`,
      {
        details: { path: "Model.version", found: model.version, expected: schemaVersion },
      },
    );
  if (model.subgraphs.length === 0) throw corrupt("Model.subgraphs", "a model without graphs");
  const bufferOf = fileBuffers(file, model, bytes instanceof Uint8Array);
  const unsupported: UnsupportedUse[] = [];
  const budget = new UnpackBudget(file.byteLength);
  const graphs = model.subgraphs.map((graph, i) =>
    readGraph(graph, { file, model, bufferOf, budget, unsupported, path: `Model.subgraphs[${i}]` }),
  );
  if (unsupported.length > 0) throw unsupportedOperators(unsupported);
  for (const [i, graph] of graphs.entries())
    graph.nodes = foldDensify(
      at(model.subgraphs, i, "Model.subgraphs", "graph"),
      graph.nodes,
      graph.tensors,
      graph.path,
    );
  const entered = new Set([0, ...model.signatureDefs.map(({ subgraphIndex }) => subgraphIndex)]);
  const idle = foldVariables(graphs, entered);
  const kept = graphs.map((_, i) => i).filter((i) => !idle.has(i));
  const numbers = new Map(kept.map((old, i) => [old, i]));
  const settled = kept.map((i) => settle(at(graphs, i, "Model.subgraphs", "graph"), numbers));
  const [main] = settled;
  const signatures = readSignatures(model, settled, numbers);
  const files = model.metadata.some(({ name }) => name === metadataName) ? attachedFiles(file) : new Map();
  return Object.freeze({
    description: model.description,
    ...(files.size > 0 ? { files } : {}),
    graphs: Object.freeze(settled),
    signatures: signatures.length === 0 && main ? [defaultSignature(main)] : signatures,
    metadata: model.metadata
      .map(({ name, buffer }, i) => ({ name, bytes: bufferOf(buffer, `Model.metadata[${i}]`).bytes() }))
      .filter(({ name }) => !derivedMetadata.has(name)),
  });
}

interface GraphPlace {
  readonly file: RandomAccess;
  readonly model: FileModel;
  readonly bufferOf: BufferOf;
  readonly budget: UnpackBudget;
  readonly unsupported: UnsupportedUse[];
  readonly path: string;
}

/** A graph whose shapes are not settled yet. */
interface UnsettledFileGraph extends ReadGraph {
  readonly name: string;
  readonly path: string;
}

function settle(graph: UnsettledFileGraph, numbers: ReadonlyMap<number, number>): Graph {
  const { name, tensors, inputs, outputs } = graph;
  const left = foldInitialState(graph.nodes, tensors);
  const nodes = Object.freeze(left.map((node) => renumberGraphs(node, numbers)));
  settleGraph({ ...graph, nodes });
  return Object.freeze({ name, tensors, nodes, inputs, outputs });
}

/** Reads everything and collects what is unsupported; shapes are settled once it is known that nothing is. */
function readGraph(graph: FileGraph, place: GraphPlace): UnsettledFileGraph {
  const { unsupported, path } = place;
  const tensors = new Map<TensorId, Tensor>();
  const unranked = new Set<TensorId>();
  const refusedTensors = new Map<number, string>();
  for (const [i, file] of graph.tensors.entries()) {
    const id = i as TensorId; // an id is the tensor's place in the file
    const read = readTensor(file, id, place, `${path}.tensors[${i}]`);
    if ("refused" in read) refusedTensors.set(i, read.refused);
    else tensors.set(id, read.tensor);
    if ("ranked" in read && !read.ranked) unranked.add(id);
  }
  const nodes: Node[] = [];
  const before = unsupported.length;
  for (const [index, operator] of graph.operators.entries()) {
    const here = `${path}.operators[${index}]`;
    const read = readOperator(operator, { ...place, tensors: graph.tensors, refusedTensors, index, path: here });
    if ("reason" in read) unsupported.push(read);
    else nodes.push(read);
  }
  const [refused] = refusedTensors;
  if (refused && unsupported.length === before)
    throw new FlotillaError(
      "UNSUPPORTED_FORMAT",
      `The tensor "${graph.tensors[refused[0]]?.name}" is not supported: ${refused[1]}.`,
      {
        details: { path: `${path}.tensors[${refused[0]}]`, reason: refused[1] },
      },
    );
  const idsOf = (indices: readonly number[], list: string): TensorId[] =>
    indices.map((index) => {
      at(graph.tensors, index, `${path}.${list}`, "tensor");
      return index as TensorId;
    });
  const [inputs, outputs] = [idsOf(graph.inputs, "inputs"), idsOf(graph.outputs, "outputs")];
  return { name: graph.name, path, tensors, unranked, nodes, inputs, outputs };
}

function unsupportedOperators(uses: readonly UnsupportedUse[]): FlotillaError {
  const kinds = [...new Set(uses.map(({ operator }) => operator))];
  return new FlotillaError(
    "UNSUPPORTED_OPERATOR",
    `${uses.length} operators cannot be converted (${kinds.slice(0, 5).join(", ")}${kinds.length > 5 ? ", …" : ""}); the first: ` +
      `"${uses[0]?.node}", ${uses[0]?.operator}: ${uses[0]?.reason}.`,
    { details: uses.map((use) => ({ ...use })) },
  );
}

function readSignatures(model: FileModel, graphs: readonly Graph[], numbers: ReadonlyMap<number, number>): Signature[] {
  return model.signatureDefs.map((signature, i) => {
    const path = `Model.signatureDefs[${i}]`;
    const place = numbers.get(signature.subgraphIndex) ?? -1;
    const graph = at(graphs, place, path, "graph");
    const named = (maps: typeof signature.inputs): Signature["inputs"] =>
      maps.map(({ name, tensorIndex }) => {
        const tensor = tensorIndex as TensorId;
        if (!graph.tensors.has(tensor)) throw corrupt(path, `"${name}" is tensor ${tensorIndex}, which does not exist`);
        return { name, tensor };
      });
    return {
      key: signature.signatureKey,
      graph: place,
      inputs: named(signature.inputs),
      outputs: named(signature.outputs),
    };
  });
}
