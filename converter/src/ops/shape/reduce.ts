/** Shapes of reductions over constant axes (`tflite/kernels/reduce.cc`). */
import type { Shape } from "../../ir/graph.ts";
import type { OperandFacts, Operands, ResultFacts } from "../define-op.ts";
import { need } from "../refuse.ts";
import { axisOf, integersOf, lengthOf, unknownShape } from "./axis.ts";

/** Which axes of `shape` go; repeated ones count once. */
export function reducedAxes(shape: Shape, axes: readonly number[]): ReadonlySet<number> {
  return new Set(axes.map((axis) => axisOf(axis, shape.length)));
}

export function reducedShape(shape: Shape, axes: ReadonlySet<number>, keepDims: boolean): Shape {
  if (keepDims) return shape.map((size, axis) => (axes.has(axis) ? 1 : size));
  return shape.filter((_, axis) => !axes.has(axis));
}

/** The `infer` of every reduction: operands input and axes, attribute keepDims. */
export function inferReduction(inputs: Operands, { keepDims }: { readonly keepDims: boolean }): readonly ResultFacts[] {
  const input = need(inputs, 0, "input");
  return [{ dtype: input.dtype, shape: shapeOf(input, need(inputs, 1, "axes"), keepDims) }];
}

function shapeOf(input: OperandFacts, axes: OperandFacts, keepDims: boolean): Shape {
  const values = integersOf(axes);
  if (values) return reducedShape(input.shape, reducedAxes(input.shape, values), keepDims);
  return unknownShape(keepDims ? input.shape.length : input.shape.length - lengthOf(axes));
}
