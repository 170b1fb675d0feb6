/**
 * TensorFlow's lists of tensors for tfjs-converter: a list is one tensor, its elements along the first axis, and changing it
 * makes another. The lists of tfjs 4.22 are changed in place, and lose elements that the body of a loop does not also return.
 * Rules: tensorflow `core/kernels/list_kernels.cc`.
 */
import type * as Core from "@tensorflow/tfjs-core";
import { type GraphNode, input, type Operator } from "./tfjs-nodes.ts";

const numberAt = (node: GraphNode, place: number): number => Number(input(node, place).dataSync()[0] ?? 0);

const dtypeOf = (node: GraphNode): "int32" | "bool" | "float32" => {
  const { element_dtype } = node.attrs;
  return element_dtype === "int32" || element_dtype === "bool" ? element_dtype : "float32";
};

/** Zeros; elements of an open shape have no content until the first is set. */
const reserve: Operator = (core, node) => {
  const shape = input(node, 0);
  const sizes = shape.rank === 0 ? [-1] : Array.from(shape.dataSync(), Number);
  return core.zeros([numberAt(node, 1), ...(sizes.some((size) => size < 0) ? [0] : sizes)], dtypeOf(node));
};

const empty: Operator = (core, node) => core.zeros([0, 0], dtypeOf(node));

const fromTensor: Operator = (core, node) => core.clone(input(node, 0));

const row = (core: typeof Core, list: Core.Tensor, start: number, count: number): Core.Tensor =>
  core.slice(list, [start, ...list.shape.slice(1).fill(0)], [count, ...list.shape.slice(1)]);

const getItem: Operator = (core, node) => {
  const list = input(node, 0);
  return core.squeeze(row(core, list, numberAt(node, 1), 1), [0]);
};

const setItem: Operator = (core, node) => {
  const [given, at, item] = [input(node, 0), numberAt(node, 1), input(node, 2)];
  const length = Math.max(given.shape[0] ?? 0, at + 1);
  const open = given.size === 0 && item.size > 0;
  const list = open ? core.zeros([length, ...item.shape], dtypeOf(node)) : given;
  const rest = (list.shape[0] ?? 0) - at - 1;
  const parts = [row(core, list, 0, at), core.expandDims(item), row(core, list, at + 1, rest)];
  return core.concat(parts.filter(({ shape }) => shape[0] !== 0));
};

const pushBack: Operator = (core, node) => {
  const [list, item] = [input(node, 0), core.expandDims(input(node, 1))];
  return list.shape[0] === 0 ? item : core.concat([list, item]);
};

const length: Operator = (core, node) => core.scalar(input(node, 0).shape[0] ?? 0, "int32");

export const listOperators: readonly (readonly [string, Operator])[] = [
  ["EmptyTensorList", empty],
  ["TensorListFromTensor", fromTensor],
  ["TensorListGetItem", getItem],
  ["TensorListLength", length],
  ["TensorListPushBack", pushBack],
  ["TensorListReserve", reserve],
  ["TensorListSetItem", setItem],
  ["TensorListStack", fromTensor],
];
