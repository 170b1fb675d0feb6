/** Axes and the integers of index operands. */
import type { Shape } from "../../ir/graph.ts";
import { valuesOf } from "../../ir/values.ts";
import type { ConstantValue, OperandFacts } from "../define-op.ts";
import { refuse } from "../refuse.ts";

/** An axis counted from the front; negative ones count from the back. */
export function axisOf(axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || front < 0 || front >= rank) throw refuse(`There is no axis ${axis} in rank ${rank}.`);
  return front;
}

/** Axes, sizes and paddings are few; a file that repeats a long list of them would cost time without end. */
const mostIndices = 1024;

/** The values of an index operand that is constant; null when only the run tells them. */
export function integersOf(operand: OperandFacts): readonly number[] | null {
  if (!operand.bytes) return null;
  if (knownCount(operand.shape) > mostIndices)
    throw refuse(`Axes, sizes or paddings of the shape [${operand.shape.join(", ")}] cannot be.`);
  return integers(operand.dtype, operand.bytes());
}

export const integersOfConstant = (value: ConstantValue): readonly number[] => integers(value.dtype, value.bytes);

function integers(dtype: OperandFacts["dtype"], bytes: Uint8Array): readonly number[] {
  if (dtype !== "int32" && dtype !== "int64" && dtype !== "int16")
    throw refuse(`Indices must be integers, not ${dtype}.`);
  return Array.from(valuesOf(dtype, bytes));
}

/** How many elements a rank-1 index operand has; a scalar counts as one. -1 when unknown. */
export function lengthOf(operand: OperandFacts): number {
  if (operand.shape.length > 1) throw refuse(`Indices must have rank 1, not the shape [${operand.shape.join(", ")}].`);
  return operand.shape[0] ?? 1;
}

/** A shape of this rank of which nothing is known. */
export const unknownShape = (rank: number): Shape => {
  if (rank < 0 || rank > 16) throw refuse(`A rank of ${rank} cannot be.`);
  return new Array<number>(rank).fill(-1);
};

/** The product of the sizes; -1 when one of them is dynamic. */
export const knownCount = (shape: Shape): number =>
  shape.includes(-1) ? -1 : shape.reduce((product, size) => product * size, 1);
