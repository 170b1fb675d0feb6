/**
 * What an assignment costs before a file of it exists: multiply-accumulates by how they are computed, weighted, and the
 * bytes of weights. Weights of the sum: int16 values take twice the memory traffic of int8, float32 four times; float16
 * weights are computed on as float32. Operators without multiply-accumulates count one for each value they make.
 */
import { elementCount, type Graph, type Node, tensorOf } from "../ir/graph.ts";
import { useOf } from "../ops/graph-facts.ts";
import { opOf } from "../ops/registry.ts";
import { integerModeOf, type Precision } from "./precision.ts";

/** "int8", "int16x8" or "float". */
export type Computing = "int8" | "int16x8" | "float";

const macWeight: Readonly<Record<Computing, number>> = { int8: 1, int16x8: 2, float: 4 };

export const computingOf = (precision: Precision): Computing => integerModeOf(precision) ?? "float";

export interface NodeCost {
  readonly macs: number;
  /** `macs`, or the values it makes where it has none. */
  readonly work: number;
  /** Elements of its constants in float. */
  readonly weights: number;
}

/** As many as the graph's nodes, in their order. */
export function nodeCosts(graph: Graph): readonly NodeCost[] {
  return graph.nodes.map((node) => {
    const macs = Math.max(0, opOf(node.kind)?.macs(useOf(graph, node)) ?? 0);
    const made = node.outputs.reduce((sum, id) => sum + sized(graph, id), 0);
    return { macs, work: Math.max(macs, made, 1), weights: floatConstants(graph, node) };
  });
}

const sized = (graph: Graph, id: Node["outputs"][number]): number =>
  elementCount(tensorOf(graph, id).shape.map((size) => Math.max(size, 1)));

const floatConstants = (graph: Graph, node: Node): number =>
  node.inputs.reduce<number>((sum, id) => {
    if (id === null) return sum;
    const { constant, dtype, shape } = tensorOf(graph, id);
    return constant && dtype === "float32" ? sum + elementCount(shape) : sum;
  }, 0);

const weightBytes = (precision: Precision): number =>
  precision === "float32" ? 4 : precision === "float16" ? 2 : precision === "int4-weights" ? 0.5 : 1;

/** Share of the model that one node takes at this precision: its work and its weights, the whole in int8 being 2. */
export function shareOf(cost: NodeCost, precision: Precision, whole: Pick<NodeCost, "work" | "weights">): number {
  const work = (cost.work * macWeight[computingOf(precision)]) / Math.max(whole.work, 1);
  return work + (cost.weights * weightBytes(precision)) / Math.max(whole.weights, 1);
}

export function wholeOf(costs: readonly NodeCost[]): Pick<NodeCost, "work" | "weights"> {
  return costs.reduce((sum, { work, weights }) => ({ work: sum.work + work, weights: sum.weights + weights }), {
    work: 0,
    weights: 0,
  });
}

/** Multiply-accumulates by how they are computed; those that there are none of are left out. */
export function macsByComputing(
  costs: readonly NodeCost[],
  computing: readonly (Computing | null)[],
): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const [at, how] of computing.entries()) {
    const macs = costs[at]?.macs ?? 0;
    if (how !== null && macs > 0) sums.set(how, (sums.get(how) ?? 0) + macs);
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The work that files are compared by, in multiples of the same model's in int8. */
export function workOf(costs: readonly NodeCost[], computing: readonly (Computing | null)[]): number {
  const { work } = wholeOf(costs);
  const weighted = costs.reduce((sum, cost, at) => sum + cost.work * macWeight[computing[at] ?? "int8"], 0);
  return weighted / Math.max(work, 1);
}
