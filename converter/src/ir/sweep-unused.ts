/**
 * Removes from a draft what its outputs do not need: nodes whose results nobody reads, then tensors of no node.
 * Inputs stay, read or not, and so do nodes without results, which are there for what they change.
 */
import type { GraphDraft, Node, TensorId } from "./graph.ts";

export function sweepUnused(draft: GraphDraft): void {
  const needed = new Set<TensorId>(draft.outputs);
  const kept: Node[] = [];
  for (const node of [...draft.nodes].reverse()) {
    if (node.outputs.length > 0 && !node.outputs.some((id) => needed.has(id))) continue;
    kept.push(node);
    for (const id of [...node.inputs, ...node.outputs, ...(node.intermediates ?? [])]) if (id !== null) needed.add(id);
  }
  draft.nodes = kept.reverse();
  for (const id of draft.inputs) needed.add(id);
  for (const id of [...needed]) {
    const scales = draft.tensors.get(id)?.quantization?.blocks?.scales;
    if (scales !== undefined) needed.add(scales);
  }
  for (const id of [...draft.tensors.keys()]) if (!needed.has(id)) draft.tensors.delete(id);
}
