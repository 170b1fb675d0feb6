/**
 * What lowers a TensorFlow operator into IR nodes. One file per operator or family in this folder; `tf-lowerings.ts` lists
 * them. Results are in the imported phase: batch norm and activations are nodes of their own, everything is NHWC.
 */
import type { TensorId } from "../../../ir/graph.ts";
import type { NodeLowering } from "../node-lowering.ts";

export interface TfLowering {
  /** The TensorFlow operators it is for. */
  readonly ops: readonly string[];
  /** Adds the nodes and returns the results in order; "dead" for the side of a branch that is never taken. Throws {@link NodeRefusal} for what cannot be converted. */
  readonly lower: (node: NodeLowering) => TensorId | readonly (TensorId | "dead")[];
}

/** A node that cannot be converted; the reader collects them all. */
export class NodeRefusal {
  readonly reason: string;
  /** Nodes of a function it calls that cannot be converted, where that is the reason. */
  readonly inner: readonly UnsupportedNode[];

  constructor(reason: string, inner: readonly UnsupportedNode[] = []) {
    this.reason = reason;
    this.inner = inner;
  }
}

export interface UnsupportedNode {
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}
