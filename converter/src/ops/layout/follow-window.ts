/**
 * How operators that slide a window over an NHWC operand follow an order: height and width may trade places if filter,
 * strides and dilations do; a filter of one element looks at no neighbours, so any order with the channels last will do.
 */
import type { Attributes } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";
import type { Follow, Order } from "./layout-rule.ts";
import { isIdentity } from "./order.ts";

const turned: Order = [0, 2, 1, 3];
const isTurned = (order: Order): boolean => turned.every((axis, at) => order[at] === axis);

/** Pairs of attributes of height and width, in the names of the schema. */
const pairs = [
  ["strideH", "strideW"],
  ["dilationHFactor", "dilationWFactor"],
  ["filterHeight", "filterWidth"],
] as const;

function turnedAttributes(attributes: Attributes): Attributes {
  const result: Record<string, Attributes[string]> = {};
  for (const [height, width] of pairs) {
    const [h, w] = [attributes[height], attributes[width]];
    if (h === undefined || w === undefined) continue;
    result[height] = w;
    result[width] = h;
  }
  return result;
}

const isPoint = ({ inputs, attributes }: OperatorUse): boolean =>
  inputs[1]?.shape[1] === 1 && inputs[1].shape[2] === 1 && attributes.strideH === 1 && attributes.strideW === 1;

/** Operands input, filter (height and width in the middle), bias. */
export const window: Follow<Attributes> = (use, _end, order) => {
  const [, filter, ...others] = use.inputs;
  const rest = others.map(() => null);
  if (isIdentity(order) || (order.at(-1) === 3 && isPoint(use))) {
    return { operands: [order, null, ...rest], results: [order] };
  }
  if (!isTurned(order) || !filter?.bytes) return null;
  return { operands: [order, turned, ...rest], results: [order], attributes: turnedAttributes(use.attributes) };
};

/** One operand, no filter. */
export const pool: Follow<Attributes> = (use, _end, order) =>
  isIdentity(order) || isTurned(order)
    ? { operands: [order], results: [order], attributes: isIdentity(order) ? {} : turnedAttributes(use.attributes) }
    : null;
