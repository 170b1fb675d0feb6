/** Raising of pools. */
import type { Attributes } from "../../ir/graph.ts";
import { ints, text } from "./attributes.ts";
import { activated } from "./simple.ts";
import type { Raise, Ref, TensorFlowNodes } from "./tensorflow-nodes.ts";

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
  ({ attributes }, to) => [
    activated(to, pooled(to, op, to.operand(0), attributes), attributes.fusedActivationFunction),
  ];

/** The root of the mean of squares. */
export const raiseL2Pool: Raise<PoolAttributes> = ({ attributes }, to) => {
  const squares = to.node("Square", [to.operand(0)]);
  const means = pooled(to, "AvgPool", squares, attributes);
  return [activated(to, to.node("Sqrt", [means]), attributes.fusedActivationFunction)];
};

function pooled(
  to: TensorFlowNodes,
  op: string,
  value: Ref,
  { padding, strideH, strideW, filterHeight, filterWidth }: PoolAttributes,
): Ref {
  return to.node(op, [value], {
    ksize: ints([1, filterHeight, filterWidth, 1]),
    strides: ints([1, strideH, strideW, 1]),
    padding: text(padding),
    data_format: text("NHWC"),
  });
}
