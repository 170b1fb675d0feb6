/**
 * Settles a graph as it was read: every tensor is made once and before its use, and shapes are what the operators give.
 * The runtimes work out the shapes of results themselves and take the stored ones as a hint (`Prepare` in every kernel):
 * so a stored size fills in for one that only the run tells, and one that contradicts the operator is FORMAT_CORRUPT.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { corrupt } from "@flotilla/protocol/tflite/corrupt";
import { byteSize, constantOf, type Node, type Shape, type Tensor, type TensorId } from "../../ir/graph.ts";
import type { OperandFacts, ResultFacts } from "../../ops/define-op.ts";
import { operandsOf, resultsOf } from "../../ops/graph-facts.ts";
import { opOf } from "../../ops/registry.ts";
import { checkSize } from "./read-tensor.ts";

export interface UnsettledGraph {
  readonly tensors: Map<TensorId, Tensor>;
  /** Tensors whose stored shape says nothing, not even the rank. */
  readonly unranked: ReadonlySet<TensorId>;
  readonly nodes: readonly Node[];
  readonly inputs: readonly TensorId[];
  readonly outputs: readonly TensorId[];
  readonly path: string;
}

/** Edits `graph.tensors` in place. */
export function settleGraph(graph: UnsettledGraph): void {
  const { tensors, nodes, path } = graph;
  const ready = new Set<TensorId>();
  for (const [id, tensor] of tensors) if (tensor.constant || tensor.variable) ready.add(id);
  for (const id of graph.inputs) {
    if (tensors.get(id)?.constant) throw corrupt(path, `the input "${tensors.get(id)?.name}" is a constant`);
    ready.add(id);
  }
  const made = new Set(nodes.flatMap((node) => node.outputs));
  for (const [index, node] of nodes.entries()) {
    const here = `${path}.operators[${index}]`;
    for (const id of node.inputs) if (id !== null && !ready.has(id)) readyEmpty(graph, id, made, here, ready);
    for (const id of node.outputs) {
      if (ready.has(id)) throw corrupt(here, `"${tensors.get(id)?.name}" is made twice`, { tensor: id });
      ready.add(id);
    }
    settleResults(graph, node, here);
  }
  for (const { kind, intermediates = [] } of nodes)
    for (const id of intermediates)
      if (ready.has(id)) throw corrupt(path, `"${tensors.get(id)?.name}" is inside ${kind} and made elsewhere`);
  for (const id of graph.outputs)
    if (!ready.has(id)) throw corrupt(path, `the output "${tensors.get(id)?.name}" is never made`, { tensor: id });
}

/** A constant without elements has no bytes, and so looks like a value that nobody makes. */
function readyEmpty(
  { tensors }: UnsettledGraph,
  id: TensorId,
  made: ReadonlySet<TensorId>,
  path: string,
  ready: Set<TensorId>,
): void {
  const tensor = tensors.get(id);
  if (!tensor || made.has(id) || tensor.dtype === "resource" || byteSize(tensor.dtype, tensor.shape) !== 0)
    throw corrupt(path, `"${tensor?.name}" is used before it is made`, { tensor: id });
  tensors.set(id, Object.freeze({ ...tensor, constant: constantOf(new Uint8Array(0)) }));
  ready.add(id);
}

function settleResults({ tensors, unranked }: UnsettledGraph, node: Node, path: string): void {
  const stored = resultsOf({ tensors }, node);
  const results = inferred(node, operandsOf({ tensors }, node), stored, path);
  if (results.length !== node.outputs.length)
    throw corrupt(path, `${node.kind} gives ${results.length} results, not ${node.outputs.length}`);
  for (const [i, id] of node.outputs.entries()) {
    const tensor = tensors.get(id);
    const result = results[i];
    if (!tensor || !result) continue;
    if (result.dtype !== tensor.dtype)
      throw corrupt(path, `${node.kind} gives ${result.dtype} and "${tensor.name}" is ${tensor.dtype}`, { tensor: id });
    const shape = unranked.has(id) ? result.shape : settled(result.shape, tensor.shape);
    if (!shape)
      throw corrupt(
        path,
        `${node.kind} gives [${result.shape.join(", ")}] and "${tensor.name}" is [${tensor.shape.join(", ")}]`,
        { tensor: id, inferred: result.shape, stored: tensor.shape },
      );
    checkSize(shape, path);
    tensors.set(id, Object.freeze({ ...tensor, shape }));
  }
}

function inferred(
  node: Node,
  operands: readonly (OperandFacts | null)[],
  stored: readonly ResultFacts[],
  path: string,
): readonly ResultFacts[] {
  try {
    return opOf(node.kind)?.infer(operands, node.attributes, stored) ?? stored;
  } catch (thrown) {
    if (!(thrown instanceof FlotillaError) || thrown.code !== "GRAPH_INVALID") throw thrown;
    throw corrupt(path, `${node.kind} "${node.name}" cannot be: ${thrown.message.replace(/\.$/, "")}`, {
      node: node.name,
    });
  }
}

/**
 * Both views of a shape in one; null when they contradict each other. Axes of size 1 that are too many or too few do not:
 * TensorFlow's converter stores [1, n] for a list of n (NON_MAX_SUPPRESSION_V4).
 */
function settled(result: Shape, stored: Shape): Shape | null {
  const wide = (shape: Shape): string => shape.filter((size) => size !== 1).join();
  if (result.length !== stored.length) return result.includes(-1) || wide(result) !== wide(stored) ? null : result;
  if (result.some((size, axis) => size !== -1 && stored[axis] !== -1 && size !== stored[axis])) return null;
  return Object.freeze(result.map((size, axis) => (size === -1 ? (stored[axis] ?? -1) : size)));
}
