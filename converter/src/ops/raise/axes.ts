/** Raising of operators that go by constant axes and sizes. */
import type { Shape } from "../../ir/graph.ts";
import type { OperandFacts } from "../define-op.ts";
import { axisOf } from "../shape/axis.ts";
import { flag } from "./attributes.ts";
import {
  notRaised,
  type Raise,
  type Ref,
  type TensorFlowDType,
  type TensorFlowNodes,
  tensorFlowDTypeOf,
} from "./tensorflow-nodes.ts";

/** A reduction over the axes of operand 1. */
export const raiseReduction =
  (op: string): Raise<{ readonly keepDims: boolean }> =>
  ({ attributes }, to) => [to.node(op, [to.operand(0), to.operand(1)], { keep_dims: flag(attributes.keepDims) })];

/** An axis of an operand, counted from the front, as a constant. */
export function axisConstant(to: TensorFlowNodes, axis: number, rank: number): Ref {
  return to.constant("int32", axisOf(axis, rank));
}

/** A shape without dynamic sizes. */
export function staticShape(facts: OperandFacts | null | undefined, name: string): Shape {
  if (!facts || facts.shape.includes(-1)) throw notRaised(`the shape of its ${name} is known only in the run`);
  return facts.shape;
}

/** A shape that RESHAPE takes: one size at most is left to the run. */
export function reshapeTarget(to: TensorFlowNodes, facts: OperandFacts | undefined): Ref {
  const shape = facts?.shape ?? [];
  if (!facts || shape.filter((size) => size === -1).length > 1)
    throw notRaised("the shape of its result is known only in the run");
  return to.constant("int32", shape, [shape.length]);
}

/** The dtype in which tfjs holds a tensor. */
export function dtypeIn(facts: OperandFacts | undefined): TensorFlowDType {
  const dtype = facts && tensorFlowDTypeOf(facts.dtype);
  if (!dtype) throw notRaised(`tfjs has no ${facts?.dtype}`);
  return dtype;
}
