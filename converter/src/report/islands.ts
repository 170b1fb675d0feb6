/** Which operators compute in float among integer ones, grouped as they hang together: each group costs a way out and back. */
import { type Graph, type Node, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import type { FloatOperator } from "../quantize/plan.ts";
import type { Island } from "./report.ts";

/** None in a graph whose values are all floats. `reasons`: of the plan, where there is one. */
export function floatIslands(graph: Graph, reasons: readonly FloatOperator[]): Island[] {
  const integers = [...graph.tensors.values()].some(
    ({ constant, dtype, quantization }) => !constant && quantization && (dtype === "int8" || dtype === "int16"),
  );
  if (!integers) return [];
  const floats = graph.nodes.filter((node) => isFloat(graph, node));
  const groups = new Map<Node, Node[]>();
  const groupOfTensor = new Map<number, Node[]>();
  for (const node of floats) {
    const neighbours = new Set<Node[]>();
    for (const id of [...node.inputs, ...node.outputs]) {
      const group = id === null || tensorOf(graph, id).constant ? undefined : groupOfTensor.get(id);
      if (group) neighbours.add(group);
    }
    const merged = [...[...neighbours].flat(), node];
    for (const member of merged) {
      groups.set(member, merged);
      for (const id of [...member.inputs, ...member.outputs]) if (id !== null) groupOfTensor.set(id, merged);
    }
  }
  const why = new Map(reasons.map(({ node, reason }) => [node, reason]));
  return [...new Set(floats.map((node) => groups.get(node) ?? [node]))].map((group) => ({
    operators: group.map(({ name, kind }) => ({ node: name, operator: kind, reason: why.get(name) ?? null })),
  }));
}

function isFloat(graph: Graph, node: Node): boolean {
  if (opOf(node.kind)?.border) return false;
  const inputs = node.inputs.flatMap((id) => (id === null ? [] : [tensorOf(graph, id)]));
  return [...inputs, ...node.outputs.map((id) => tensorOf(graph, id))].some(
    ({ dtype, constant }) => dtype === "float32" && !constant,
  );
}
