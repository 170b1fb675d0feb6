/**
 * How families of operators follow an order. Each is a {@link Follow}: given the order of one operand or result, what the
 * node becomes, or null. Axes in index operands must be constant to be followed.
 */
import type { Attributes } from "../../ir/graph.ts";
import type { OperandFacts, OperatorUse } from "../define-op.ts";
import { axisOf, integersOf } from "../shape/axis.ts";
import type { Follow, LayoutEnd, Order } from "./layout-rule.ts";
import { inFront, withAxes, without } from "./order.ts";

const rankOf = (facts: OperandFacts | null | undefined): number => facts?.shape.length ?? 0;

/** Operands broadcast against each other into one result: all of them are stored as the result is. */
export const elementwise: Follow<Attributes> = ({ inputs, outputs }, _end, order) => {
  const rank = rankOf(outputs[0]);
  const result = inFront(order, rank);
  const perChannel = [...inputs, ...outputs].some((facts) => (facts?.quantization?.scales.length ?? 0) > 1);
  if (result.length !== rank || perChannel) return null;
  const operands = inputs.map((input) => (input?.shape.some((size) => size !== 1) ? result : null));
  return { operands, results: [result] };
};

/** One operand and results of its shape; the last axis must stay the last. */
export const lastAxisStays: Follow<Attributes> = ({ inputs, outputs }, _end, order) =>
  order.at(-1) === order.length - 1
    ? { operands: inputs.map((_, at) => (at === 0 ? order : null)), results: outputs.map(() => order) }
    : null;

/** Constant integers of an operand; null when the run tells them. */
export const constantIntegers = (use: OperatorUse, position: number): readonly number[] | null => {
  const operand = use.inputs[position];
  return operand?.bytes ? integersOf(operand) : null;
};

/**
 * An operand of index kind with one entry (or one pair) per axis of operand 0, which has the rank of the result:
 * PAD's paddings, TILE's multiples, SLICE's begin and size.
 */
export const perAxis =
  (positions: readonly number[], width = 1): Follow<Attributes> =>
  (use, _end, order) => {
    const indices: Record<number, readonly number[]> = {};
    for (const position of positions) {
      const values = constantIntegers(use, position);
      if (values?.length !== order.length * width) return null;
      indices[position] = order.flatMap((axis) => values.slice(axis * width, (axis + 1) * width));
    }
    return { operands: use.inputs.map((_, at) => (at === 0 ? order : null)), results: [order], indices };
  };

/** The place of graph axis `axis` in storage. */
export const storedAxis = (axis: number, order: Order): number => order.indexOf(axisOf(axis, order.length));

/** An index operand that names axes of operand `value`, whose rank the results have: CUMSUM, REVERSE_V2, SPLIT. */
export const namedAxes =
  (position: number, value = 0): Follow<Attributes> =>
  (use, _end, order) => {
    const axes = constantIntegers(use, position);
    if (!axes) return null;
    return {
      operands: use.inputs.map((_, at) => (at === value ? order : null)),
      results: use.outputs.map(() => order),
      indices: { [position]: axes.map((axis) => storedAxis(axis, order)) },
    };
  };

/** The order of operand 0 when axes of it do not come back in the result. */
export const orderBefore = (end: LayoutEnd, order: Order, gone: ReadonlySet<number>): Order =>
  end.side === "operand" ? order : withAxes(order, gone);

/** Operand 1 names axes that are reduced, kept as 1 or dropped. */
export const reduction: Follow<{ readonly keepDims: boolean }> = (use, end, order) => {
  const axes = constantIntegers(use, 1);
  const rank = rankOf(use.inputs[0]);
  if (!axes) return null;
  const { keepDims } = use.attributes;
  const gone = new Set(axes.map((axis) => axisOf(axis, rank)));
  const before = keepDims ? order : orderBefore(end, order, gone);
  if (before.length !== rank) return null;
  const stored = [...gone].map((axis) => before.indexOf(axis)).sort((a, b) => a - b);
  return { operands: [before, null], results: [keepDims ? before : without(before, gone)], indices: { 1: stored } };
};

/** Operand 1 names one axis, which is dropped: ARG_MAX, ARG_MIN. */
export const droppedAxis: Follow<Attributes> = (use, end, order) => {
  const [axis] = constantIntegers(use, 1) ?? [];
  const rank = rankOf(use.inputs[0]);
  if (axis === undefined) return null;
  const gone = new Set([axisOf(axis, rank)]);
  const before = orderBefore(end, order, gone);
  if (before.length !== rank) return null;
  return { operands: [before, null], results: [without(before, gone)], indices: { 1: [storedAxis(axis, before)] } };
};
