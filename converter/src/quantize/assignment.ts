/**
 * The assignment: a precision for every node of a graph. Planning starts from it and from nothing else that the user
 * said, so a search over mixed precision is a search over assignments.
 */
import type { Graph } from "../ir/graph.ts";
import type { BlockSize, Precision } from "./precision.ts";

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
