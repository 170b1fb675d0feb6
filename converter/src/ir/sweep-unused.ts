/**
 * Removes from a draft what its outputs do not need: nodes whose results nobody reads, then tensors of no node.
 * Inputs stay, read or not. Knows no operators: all of them are without side effects here.
 */
import type { GraphDraft, Node, TensorId } from "./graph.ts";

export function sweepUnused(draft: GraphDraft): void {
  const needed = new Set<TensorId>(draft.outputs);
  const kept: Node[] = [];
  for (const node of [...draft.nodes].reverse()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    kept.push(node);
    for (const id of [...node.inputs, ...node.outputs]) if (id !== null) needed.add(id);
  }
  draft.nodes = kept.reverse();
  for (const id of draft.inputs) needed.add(id);
  for (const id of [...draft.tensors.keys()]) if (!needed.has(id)) draft.tensors.delete(id);
}
