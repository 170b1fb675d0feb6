/**
 * Lists of tensors that loops fill, as values of the lowering: every index is a number once a loop is written out, so a list
 * never becomes part of the graph. A list is held under a constant that stands for its handle; changing one makes another.
 * Rules: tensorflow `core/kernels/list_kernels.cc`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { fill } from "../../../ops/fill.ts";
import { pack } from "../../../ops/pack.ts";
import { unpack } from "../../../ops/unpack.ts";
import type { NodeLowering, TensorList } from "../node-lowering.ts";
import { dtypeOf } from "../tensor-types.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** As many elements as a loop may run. */
const maxLength = 2_000;

function listOf(node: NodeLowering, place: number): TensorList {
  const list = node.lists.get(node.input(place));
  if (list) return list;
  throw new NodeRefusal("what is in its list is known only when the model runs");
}

/** A constant nobody reads, which stands for the list. */
function handleOf(node: NodeLowering, list: TensorList): TensorId {
  const handle = node.intsConstant("list", [list.length], []);
  node.lists.set(handle, list);
  return handle;
}

function checkedLength(length: number): number {
  if (length >= 0 && length <= maxLength) return length;
  throw new NodeRefusal(`a list of ${length} tensors is not converted; the limit is ${maxLength}`);
}

/** The element, or zeros of its shape where none was set. */
function elementOf(node: NodeLowering, list: TensorList, at: number, shapePlace: number): TensorId {
  const element = list[at];
  if (element !== undefined && element !== null) return element;
  if (at < 0 || at >= list.length) throw node.fault(`there is no element ${at} of ${list.length}`);
  const known = list.find((one) => one !== null);
  const shape =
    known === undefined || known === null ? node.integers(shapePlace, "element shape") : node.shapeOf(known);
  const zero =
    dtypeOf(node.typeAttr("element_dtype", "DT_FLOAT")) === "int32"
      ? node.intsConstant("zero", [0], [])
      : node.floatsConstant("zero", [0], []);
  if (shape.some((size) => size < 0)) throw new NodeRefusal("the shape of an element that is never set is open");
  return node.emit(fill, [node.intsConstant("dims", shape), zero], {}, "unset");
}

const reserve: TfLowering = {
  ops: ["TensorListReserve"],
  lower: (node) => handleOf(node, new Array<null>(checkedLength(node.integer(1, "length"))).fill(null)),
};

const empty: TfLowering = { ops: ["EmptyTensorList"], lower: (node) => handleOf(node, []) };

const fromTensor: TfLowering = {
  ops: ["TensorListFromTensor"],
  lower: (node) => {
    const num = checkedLength(node.shapeOf(node.input(0))[0] ?? 0);
    return handleOf(node, num === 0 ? [] : node.emitAll(unpack, [node.input(0)], { axis: 0, num }, "cut"));
  },
};

const getItem: TfLowering = {
  ops: ["TensorListGetItem"],
  lower: (node) => elementOf(node, listOf(node, 0), node.integer(1, "index"), 2),
};

const setItem: TfLowering = {
  ops: ["TensorListSetItem"],
  lower: (node) => {
    const list = listOf(node, 0);
    const at = node.integer(1, "index");
    if (at < 0 || at >= maxLength) throw node.fault(`there is no element ${at} of ${list.length}`);
    const grown = at < list.length ? list : [...list, ...new Array<null>(at + 1 - list.length).fill(null)];
    return handleOf(node, grown.with(at, node.input(2)));
  },
};

const pushBack: TfLowering = {
  ops: ["TensorListPushBack"],
  lower: (node) => {
    const list = listOf(node, 0);
    checkedLength(list.length + 1);
    return handleOf(node, [...list, node.input(1)]);
  },
};

const stackAll: TfLowering = {
  ops: ["TensorListStack"],
  lower: (node) => {
    const list = listOf(node, 0);
    if (list.length === 0) throw new NodeRefusal("an empty list has no shape");
    const elements = list.map((_, at) => elementOf(node, list, at, 1));
    return node.emit(pack, elements, { axis: 0, valuesCount: elements.length });
  },
};

const length: TfLowering = {
  ops: ["TensorListLength"],
  lower: (node) => node.intsConstant("", [listOf(node, 0).length], []),
};

export const tensorListLowerings: readonly TfLowering[] = [
  reserve,
  empty,
  fromTensor,
  getItem,
  setItem,
  pushBack,
  stackAll,
  length,
];
