/**
 * What lowers an ONNX operator into IR nodes, and what it throws for a use that cannot be converted.
 * Values keep the axes that ONNX gives them (NCHW); a lowering whose TFLite operator wants channels last stands between
 * two transposes, which a pass removes for the whole graph at once.
 */
import type { TensorId } from "../../../ir/graph.ts";
import type { NodeBuilder } from "../node-builder.ts";

/** The results in order; null for one that nobody asks for. */
export type Lowered = TensorId | readonly (TensorId | null)[];

export interface OnnxLowering {
  /** Names in ONNX's own domain, or as "com.microsoft.Name". */
  readonly operators: readonly string[];
  /** Adds the nodes of one use. Throws {@link OperatorRefusal} for what TFLite has nothing for. */
  readonly lower: (node: NodeBuilder) => Lowered;
}

/** A use of an operator that cannot be converted; the reader collects them all. */
export class OperatorRefusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
