/** How operators with axes of their own follow an order: joins, stacks, picks, slices, stretches. */
import type { Attributes } from "../../ir/graph.ts";
import { axisOf } from "../shape/axis.ts";
import { constantIntegers, orderBefore, storedAxis } from "./follow.ts";
import type { Follow } from "./layout-rule.ts";
import { identityOrder, inFront, permuted, withAxes, without } from "./order.ts";

/** CONCATENATION: operands and result are stored alike, the attribute names another axis. */
export const joinedAlong: Follow<{ readonly axis: number }> = ({ inputs, attributes }, _end, order) => ({
  operands: inputs.map(() => order),
  results: [order],
  attributes: { axis: storedAxis(attributes.axis, order) },
});

/** PACK: the result has one axis more than the operands. */
export const stackedAlong: Follow<{ readonly axis: number }> = ({ inputs, outputs, attributes }, end, order) => {
  const axis = axisOf(attributes.axis, outputs[0]?.shape.length ?? 0);
  const result = end.side === "result" ? order : withAxes(order, new Set([axis]));
  const operand = without(result, new Set([axis]));
  return { operands: inputs.map(() => operand), results: [result], attributes: { axis: result.indexOf(axis) } };
};

/** UNPACK: the results have one axis less than the operand. */
export const unstackedAlong: Follow<{ readonly axis: number }> = ({ inputs, outputs, attributes }, end, order) => {
  const gone = new Set([axisOf(attributes.axis, inputs[0]?.shape.length ?? 0)]);
  const operand = orderBefore(end, order, gone);
  const result = without(operand, gone);
  return {
    operands: [operand],
    results: outputs.map(() => result),
    attributes: { axis: storedAxis(attributes.axis, operand) },
  };
};

/** GATHER: the axis of the operand gives way to the axes of the indices, which stay together. */
export const pickedAlong: Follow<{ readonly axis: number; readonly batchDims: number }> = (use, end, order) => {
  const [params, indices] = use.inputs;
  const rank = params?.shape.length ?? 0;
  if (use.attributes.batchDims !== 0 || !indices) return null;
  const axis = axisOf(use.attributes.axis, rank);
  const picked = Array.from({ length: indices.shape.length }, (_, at) => axis + at);
  const grown = picked.length - 1;
  if (end.side === "result") {
    const start = order.indexOf(axis);
    if (!picked.every((one, at) => order[start + at] === one)) return null;
  }
  const operand =
    end.side === "operand"
      ? order
      : picked.length === 0
        ? withAxes(order, new Set([axis]))
        : order.filter((one) => one <= axis || one > axis + grown).map((one) => (one > axis ? one - grown : one));
  const result = operand.flatMap((one) => (one === axis ? picked : one > axis ? [one + grown] : [one]));
  return { operands: [operand, null], results: [result], attributes: { axis: operand.indexOf(axis) } };
};

interface Masks extends Attributes {
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

/** STRIDED_SLICE by constants: one begin, end, stride and bit of each mask per axis; axes not given are taken whole. */
export const slicedAlong: Follow<Masks> = (use, end, order) => {
  const rank = use.inputs[0]?.shape.length ?? 0;
  const [begin, stop, strides] = [1, 2, 3].map((position) => constantIntegers(use, position));
  const { beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = use.attributes;
  if (!begin || !stop || !strides || ellipsisMask !== 0 || newAxisMask !== 0) return null;
  const bit = (mask: number, axis: number, otherwise: number) => (axis < begin.length ? (mask >> axis) & 1 : otherwise);
  const gone = new Set(identityOrder(rank).filter((axis) => bit(shrinkAxisMask, axis, 0) === 1));
  const operand = orderBefore(end, order, gone);
  if (operand.length !== rank) return null;
  const mask = (bits: number, otherwise: number) =>
    operand.reduce((sum, axis, at) => sum + (bit(bits, axis, otherwise) << at), 0);
  return {
    operands: [operand, null, null, null],
    results: [without(operand, gone)],
    attributes: { beginMask: mask(beginMask, 1), endMask: mask(endMask, 1), shrinkAxisMask: mask(shrinkAxisMask, 0) },
    indices: {
      1: operand.map((axis) => begin[axis] ?? 0),
      2: operand.map((axis) => stop[axis] ?? 0),
      3: operand.map((axis) => strides[axis] ?? 1),
    },
  };
};

/** BROADCAST_TO: operand 1 is the shape of the result. */
export const stretched: Follow<Attributes> = (use, _end, order) => {
  const shape = constantIntegers(use, 1);
  const result = shape ? inFront(order, shape.length) : order;
  if (!shape || result.length !== shape.length) return null;
  return { operands: [result, null], results: [result], indices: { 1: permuted(shape, result) } };
};

/** TRANSPOSE: what its result is stored as says how its operand is, and then it does nothing. */
export const composed: Follow<Attributes> = (use, end, order) => {
  const permutation = constantIntegers(use, 1)?.map((axis) => axisOf(axis, order.length));
  if (!permutation) return null;
  const result = end.side === "result" ? order : order.map((axis) => permutation.indexOf(axis));
  const operand = result.map((axis) => permutation[axis] ?? 0);
  return { operands: [operand, null], results: [result], vanishes: true };
};
