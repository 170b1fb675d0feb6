/**
 * Models that end in an operator whose integer result has a fixed scale (softmax, logistic) hide errors behind it: finds the
 * value that goes in, which is where the SQNR of a classifier says something.
 */
import { indexGraph, type Model, type TensorId } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";

/** That value in the float graph → its twin in the integer graph; null where there is none. */
export function logitsOf(float: Model, twins: ReadonlyMap<TensorId, TensorId>): ReadonlyMap<TensorId, TensorId> | null {
  const [graph] = float.graphs;
  if (!graph) return null;
  const index = indexGraph(graph);
  for (const output of graph.outputs) {
    const node = index.producer(output);
    const operand = node?.inputs[0];
    if (!node || operand === null || operand === undefined || !index.producer(operand)) continue;
    const twin = twins.get(operand);
    if (twin !== undefined && opOf(node.kind)?.results[0]?.rule === "fixed") return new Map([[operand, twin]]);
  }
  return null;
}
