/** Raising of operators that are one TensorFlow node over their operands, and of the activations fused into them. */
import type { Attributes } from "../../ir/graph.ts";
import {
  notRaised,
  type Raise,
  type Ref,
  type TensorFlowAttributes,
  type TensorFlowNodes,
} from "./tensorflow-nodes.ts";

/** One node over the first `operands` operands, in order. */
export const raiseAs =
  (op: string, operands = 1, attributes: TensorFlowAttributes = {}): Raise<Attributes> =>
  (_use, to) => [to.node(op, operandsOf(to, operands), attributes)];

/** One node over two operands, and the activation that is fused into the operator. */
export const raiseArithmetic =
  (op: string): Raise<{ readonly fusedActivationFunction: string }> =>
  ({ attributes }, to) => [activated(to, to.node(op, operandsOf(to, 2)), attributes.fusedActivationFunction)];

/** The first `count` operands. */
export const operandsOf = (to: TensorFlowNodes, count: number): Ref[] =>
  Array.from({ length: count }, (_, i) => to.operand(i));

/** A value behind the activation that an operator fuses, as a node of its own. */
export function activated(to: TensorFlowNodes, value: Ref, fusedActivationFunction: string): Ref {
  switch (fusedActivationFunction) {
    case "NONE":
      return value;
    case "RELU":
      return to.node("Relu", [value]);
    case "RELU6":
      return to.node("Relu6", [value]);
    case "RELU_N1_TO_1":
      return clipped(to, value, -1, 1);
    case "TANH":
      return to.node("Tanh", [value]);
    default:
      throw notRaised(`tfjs has no activation ${fusedActivationFunction}`);
  }
}

export const clipped = (to: TensorFlowNodes, value: Ref, least: number, greatest: number): Ref =>
  to.node("ClipByValue", [value, to.constant("float32", least), to.constant("float32", greatest)]);
