/**
 * Finds the state that gated cells carry from step to step (LSTM: c' = f·c + i·g, GRU: h' = n + z·(h − n)), as unrolled
 * graphs have it. In int8 each step would round it anew and the errors add up; LiteRT's own integer LSTM keeps it in int16.
 * Pure; knows the shape of such a chain, not where it came from.
 */
import { type Graph, type GraphIndex, indexGraph, type Node } from "../ir/graph.ts";
import type { Assignment } from "./assignment.ts";

/** Steps that hand the state on before it is one: a gate upon a sum upon a sum is met elsewhere too. */
const leastSteps = 3;

/** int8 nodes of carried states in int16 instead; other precisions stay. */
export function widenCarriedState(graph: Graph, assignment: Assignment): Assignment {
  const carrying = carryingNodes(graph);
  if (carrying.size === 0) return assignment;
  const precisions = assignment.precisions.map((precision, at) => {
    const node = graph.nodes[at];
    return precision === "int8" && node && carrying.has(node) ? "int16x8" : precision;
  });
  return { ...assignment, precisions };
}

interface Link {
  /** The sum that made the state before. */
  readonly before: Node;
  /** What lies between it and the sum that makes the new one. */
  readonly between: readonly Node[];
}

function carryingNodes(graph: Graph): ReadonlySet<Node> {
  const index = indexGraph(graph);
  const links = new Map<Node, Link>();
  const steps = new Map<Node, number>();
  const lasting = new Set<Node>();
  for (const node of graph.nodes) {
    const link = linkOf(index, node);
    if (!link) continue;
    links.set(node, link);
    const count = (steps.get(link.before) ?? 0) + 1;
    steps.set(node, count);
    if (count >= leastSteps) lasting.add(node);
  }
  const found = new Set<Node>();
  for (const last of lasting) {
    for (let node: Node | undefined = last; node && !found.has(node); node = links.get(node)?.before) {
      for (const one of [node, ...(links.get(node)?.between ?? []), ...besides(index, node)]) found.add(one);
    }
  }
  return found;
}

/** ADD(…, MUL(gate, ADD)) or ADD(…, MUL(gate, SUB(ADD, …))), the gate being another value's LOGISTIC. */
function linkOf(index: GraphIndex, sum: Node): Link | null {
  if (sum.kind !== "ADD") return null;
  for (const product of makers(index, sum, "MUL")) {
    const [gate] = makers(index, product, "LOGISTIC");
    if (!gate) continue;
    const own = (node: Node) => gate.inputs.some((id) => id !== null && node.outputs.includes(id));
    const [before] = makers(index, product, "ADD").filter((node) => !own(node));
    if (before) return { before, between: [product] };
    for (const difference of makers(index, product, "SUB")) {
      const [earlier] = makers(index, difference, "ADD");
      if (earlier) return { before: earlier, between: [difference, product] };
    }
  }
  return null;
}

/** The fresh share of a sum, and the tanh of a state: its input reaches over many levels of int8. */
function besides(index: GraphIndex, sum: Node): readonly Node[] {
  const tanhs = sum.outputs.flatMap((id) => index.consumers(id)).filter(({ kind }) => kind === "TANH");
  return [...makers(index, sum, "MUL"), ...tanhs];
}

const makers = (index: GraphIndex, node: Node, kind: string): readonly Node[] =>
  node.inputs.flatMap((id) => {
    const maker = id === null ? undefined : index.producer(id);
    return maker?.kind === kind ? [maker] : [];
  });
