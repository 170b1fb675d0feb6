/**
 * The assignment: a precision for every node of a graph. Planning starts from it and from nothing else that the user
 * said, so a search over mixed precision is a search over assignments.
 */
import type { Graph } from "../ir/graph.ts";
import type { BlockSize, Precision } from "./precision.ts";
import type { Override } from "./recipe.ts";
import { selectNodes } from "./selector.ts";

export interface Assignment {
  /** As many as the graph's nodes, in their order. */
  readonly precisions: readonly Precision[];
  /** Of int4 weights whose kernel takes blocks; null: one scale per channel. */
  readonly blockSize: BlockSize | null;
}

/** The same precision for every node. */
export const assignAll = (graph: Graph, precision: Precision, blockSize: BlockSize | null = null): Assignment => ({
  precisions: graph.nodes.map(() => precision),
  blockSize,
});

/** The overrides carried out in their order. @throws QUANT_SELECTOR for one that means no node */
export function withOverrides(graph: Graph, assignment: Assignment, overrides: readonly Override[]): Assignment {
  const precisions = [...assignment.precisions];
  for (const { selector, precision } of overrides)
    for (const at of selectNodes(graph, selector)) precisions[at] = precision;
  return { ...assignment, precisions };
}
