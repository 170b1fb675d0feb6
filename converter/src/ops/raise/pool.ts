/** Raising of pools. */
import type { Attributes } from "../../ir/graph.ts";
import { ints, text } from "./attributes.ts";
import { activated } from "./simple.ts";
import type { Raise } from "./tensorflow-nodes.ts";

interface PoolAttributes extends Attributes {
  readonly padding: string;
  readonly strideH: number;
  readonly strideW: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly fusedActivationFunction: string;
}

export const raisePool =
  (op: string): Raise<PoolAttributes> =>
  ({ attributes }, to) => {
    const { padding, strideH, strideW, filterHeight, filterWidth, fusedActivationFunction } = attributes;
    const value = to.node(op, [to.operand(0)], {
      ksize: ints([1, filterHeight, filterWidth, 1]),
      strides: ints([1, strideH, strideW, 1]),
      padding: text(padding),
      data_format: text("NHWC"),
    });
    return [activated(to, value, fusedActivationFunction)];
  };
