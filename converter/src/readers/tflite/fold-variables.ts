/**
 * Variables that one graph sets once, to constants, and others only read are constants:
 *
 *     main: CALL_ONCE(init); w = READ_VARIABLE(VAR_HANDLE "w"); y = MUL(x, w)      init: ASSIGN_VARIABLE(VAR_HANDLE "w", 2)
 *     →   main: y = MUL(x, 2)
 *
 * A graph that has nothing left to set goes, and the calls of it. All else that keeps something from run to run is carried.
 * It looks at a whole file at once, so it is the reader's and no pass.
 */
import type { Node, Tensor, TensorId } from "../../ir/graph.ts";
import { assignVariable } from "../../ops/assign-variable.ts";
import { callOnce } from "../../ops/call-once.ts";
import { readVariable } from "../../ops/read-variable.ts";
import { varHandle } from "../../ops/var-handle.ts";

/** A graph before its shapes are settled. */
export interface ReadGraph {
  readonly tensors: Map<TensorId, Tensor>;
  readonly unranked: ReadonlySet<TensorId>;
  nodes: readonly Node[];
  readonly inputs: readonly TensorId[];
  readonly outputs: readonly TensorId[];
}

/** Edits the graphs in place. `entered`: graphs that a caller of the model can run. Gives the graphs with nothing left to do. */
export function foldVariables(graphs: readonly ReadGraph[], entered: ReadonlySet<number>): ReadonlySet<number> {
  const handles = graphs.map(handlesOf);
  const values = settledValues(graphs, handles, entered);
  for (const [key, value] of values) {
    const fits = graphs.every((graph, g) =>
      graph.nodes.every((node) => !readsOf(node, handles[g], key) || isSame(graph, node.outputs[0], value)),
    );
    if (!fits) values.delete(key);
  }
  for (const [g, graph] of graphs.entries()) foldIn(graph, handles[g] ?? new Map(), values);
  return values.size > 0 ? removeEmptyCalls(graphs, entered) : new Set();
}

/** Which variable a handle stands for, by its tensor. */
type Handles = ReadonlyMap<TensorId, string>;

function handlesOf({ nodes }: ReadGraph): Handles {
  const handles = new Map<TensorId, string>();
  for (const node of nodes) {
    const [handle] = node.outputs;
    if (!varHandle.is(node) || handle === undefined) continue;
    const { container, sharedName } = varHandle.attributesOf(node);
    handles.set(handle, JSON.stringify([container, sharedName]));
  }
  return handles;
}

const keyOf = (node: Node, handles: Handles | undefined): string | undefined => {
  const [handle] = node.inputs;
  return handle === null || handle === undefined ? undefined : handles?.get(handle);
};
const readsOf = (node: Node, handles: Handles | undefined, key: string): boolean =>
  readVariable.is(node) && keyOf(node, handles) === key;

/** The variables with one value for good. Empty when something is assigned that cannot be named. */
function settledValues(
  graphs: readonly ReadGraph[],
  handles: readonly Handles[],
  entered: ReadonlySet<number>,
): Map<string, Tensor> {
  const initial = new Set(graphs.flatMap(({ nodes }) => nodes.filter(callOnce.is).map(initialOf)));
  const values = new Map<string, Tensor>();
  const open = new Set<string>();
  for (const [g, { nodes, tensors, outputs }] of graphs.entries()) {
    const setsOnce = initial.has(g) && !entered.has(g) && !isBranch(g, graphs);
    for (const node of nodes) {
      const key = keyOf(node, handles[g]);
      if (assignVariable.is(node)) {
        if (key === undefined) return new Map();
        const [, assigned] = node.inputs;
        const value = typeof assigned === "number" ? tensors.get(assigned) : undefined;
        if (!setsOnce || !value?.constant || values.has(key)) open.add(key);
        else values.set(key, value);
      } else if (!readVariable.is(node))
        for (const id of node.inputs) if (id !== null) open.add(handles[g]?.get(id) ?? ""); // goes where none follows
    }
    for (const id of outputs) open.add(handles[g]?.get(id) ?? "");
  }
  for (const key of open) values.delete(key);
  return values;
}

const initialOf = (node: Node): number => callOnce.attributesOf(node).initSubgraphIndex;

/** Fields of control flow that name graphs. */
const graphFields = /^(then|else|cond|body|init)SubgraphIndex$|^subgraph$/;

const isBranch = (g: number, graphs: readonly ReadGraph[]): boolean =>
  graphs.some(({ nodes }) =>
    nodes.some(
      (node) =>
        !callOnce.is(node) &&
        Object.entries(node.attributes).some(([name, value]) => graphFields.test(name) && value === g),
    ),
  );

function isSame({ tensors, unranked }: ReadGraph, id: TensorId | undefined, value: Tensor): boolean {
  const result = id === undefined ? undefined : tensors.get(id);
  if (id === undefined || !result || result.dtype !== value.dtype) return false;
  if (unranked.has(id)) return true;
  return (
    result.shape.length === value.shape.length &&
    result.shape.every((size, axis) => size === -1 || size === value.shape[axis])
  );
}

function foldIn(graph: ReadGraph, handles: Handles, values: ReadonlyMap<string, Tensor>): void {
  graph.nodes = graph.nodes.filter((node) => {
    const value = values.get(keyOf(node, handles) ?? "");
    const [result] = node.outputs;
    if (assignVariable.is(node)) return value === undefined;
    if (varHandle.is(node) && result !== undefined && values.has(handles.get(result) ?? "")) {
      graph.tensors.delete(result);
      return false;
    }
    const tensor = result === undefined ? undefined : graph.tensors.get(result);
    if (!readVariable.is(node) || !value?.constant || result === undefined || !tensor) return true;
    const { constant, shape, quantization } = value;
    graph.tensors.set(result, Object.freeze({ ...(quantization ? { quantization } : {}), ...tensor, constant, shape }));
    return false;
  });
}

/** Graphs without nodes that are called once only; those calls go. */
function removeEmptyCalls(graphs: readonly ReadGraph[], entered: ReadonlySet<number>): ReadonlySet<number> {
  const empty = new Set<number>();
  for (const [g, { nodes, outputs }] of graphs.entries())
    if (nodes.length === 0 && outputs.length === 0 && !entered.has(g) && !isBranch(g, graphs)) empty.add(g);
  for (const graph of graphs)
    graph.nodes = graph.nodes.filter((node) => !callOnce.is(node) || !empty.has(initialOf(node)));
  return empty;
}

/** The node with the graphs that it names under their new numbers. */
export function renumberGraphs(node: Node, numbers: ReadonlyMap<number, number>): Node {
  if (!Object.keys(node.attributes).some((name) => graphFields.test(name))) return node;
  const attributes = Object.entries(node.attributes).map(([name, value]) => [
    name,
    graphFields.test(name) && typeof value === "number" ? (numbers.get(value) ?? value) : value,
  ]);
  return Object.freeze({ ...node, attributes: Object.freeze(Object.fromEntries(attributes)) });
}
