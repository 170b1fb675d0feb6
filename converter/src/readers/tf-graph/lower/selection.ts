/** Parts of a value and values put together: slices, joins, cuts, lookups. */
import type { TensorId } from "../../../ir/graph.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { gather } from "../../../ops/gather.ts";
import { gatherNd } from "../../../ops/gather-nd.ts";
import { oneHot } from "../../../ops/one-hot.ts";
import { pack } from "../../../ops/pack.ts";
import { reverseV2 } from "../../../ops/reverse-v2.ts";
import { scatterNd } from "../../../ops/scatter-nd.ts";
import { slice } from "../../../ops/slice.ts";
import { split } from "../../../ops/split.ts";
import { splitV } from "../../../ops/split-v.ts";
import { unpack } from "../../../ops/unpack.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

const block: TfLowering = {
  ops: ["Slice"],
  lower: (node) => {
    const shape = node.shapeOf(node.input(0));
    const begin = node.integers(1, "beginning");
    const size = node
      .integers(2, "size")
      .map((length, axis) => (length === -1 ? (shape[axis] ?? 0) - (begin[axis] ?? 0) : length));
    if (begin.every((from) => from === 0) && size.join() === shape.join()) return node.input(0);
    return node.emit(slice, [node.input(0), node.intsConstant("begin", begin), node.intsConstant("size", size)]);
  },
};

/** Empty operands add nothing, and kernels do not take them. */
function join(node: NodeLowering, values: readonly TensorId[], axis: number): TensorId {
  const filled = values.filter((value) => !node.shapeOf(value).includes(0));
  const [first = values[0]] = filled;
  if (first === undefined) throw node.fault("it joins nothing");
  if (filled.length < 2) return first;
  return node.emit(concatenation, filled, { axis: node.axis(axis, node.rankOf(first)) });
}

const concat: TfLowering = {
  ops: ["ConcatV2", "Concat"],
  lower: (node) => {
    const at = node.op === "Concat" ? 0 : node.inputs.length - 1;
    return join(node, node.inputs.toSpliced(at, 1), node.integer(at, "axis"));
  },
};

const stack: TfLowering = {
  ops: ["Pack", "ParallelStack"],
  lower: (node) => {
    const axis = node.axis(node.intAttr("axis", 0), node.rankOf(node.input(0)) + 1);
    return node.emit(pack, node.inputs, { axis, valuesCount: node.inputs.length });
  },
};

const unstack: TfLowering = {
  ops: ["Unpack"],
  lower: (node) => {
    const shape = node.shapeOf(node.input(0));
    const axis = node.axis(node.intAttr("axis", 0), shape.length);
    const num = node.intAttr("num", shape[axis] ?? 0);
    if (num !== shape[axis]) throw node.fault(`an axis of ${shape[axis]} cannot be cut into ${num}`);
    return node.emitAll(unpack, [node.input(0)], { axis, num });
  },
};

const cut: TfLowering = {
  ops: ["Split"],
  lower: (node) => {
    const axis = node.axis(node.integer(0, "axis"), node.rankOf(node.input(1)));
    const numSplits = node.intAttr("num_split", 1);
    if (numSplits === 1) return node.input(1);
    return node.emitAll(split, [node.intsConstant("axis", [axis], []), node.input(1)], { numSplits });
  },
};

const cutInto: TfLowering = {
  ops: ["SplitV"],
  lower: (node) => {
    const axis = node.axis(node.integer(2, "axis"), node.rankOf(node.input(0)));
    const sizes = node.integers(1, "sizes");
    const operands = [node.input(0), node.intsConstant("sizes", sizes), node.intsConstant("axis", [axis], [])];
    return node.emitAll(splitV, operands, { numSplits: sizes.length });
  },
};

const lookUp: TfLowering = {
  ops: ["GatherV2", "Gather"],
  lower: (node) => {
    const params = node.input(0);
    const axis = node.axis(node.inputs.length > 2 ? node.integer(2, "axis") : 0, node.rankOf(params));
    const given = node.intAttr("batch_dims", 0);
    const batchDims = given < 0 ? given + node.rankOf(node.input(1)) : given;
    return node.emit(gather, [params, node.input(1)], { axis, batchDims });
  },
};

/** Kernels turn one axis at a time. */
const reverse: TfLowering = {
  ops: ["ReverseV2", "Reverse"],
  lower: (node) => {
    const rank = node.rankOf(node.input(0));
    const given = node.integers(1, "axes");
    const axes = node.op === "Reverse" ? given.flatMap((turned, axis) => (turned === 0 ? [] : [axis])) : given;
    return axes.reduce<TensorId>(
      (value, axis) => node.emit(reverseV2, [value, node.intsConstant("axis", [node.axis(axis, rank)])]),
      node.input(0),
    );
  },
};

const oneHotLowering: TfLowering = {
  ops: ["OneHot"],
  lower: (node) => {
    const depth = node.intsConstant("depth", [node.integer(1, "depth")], []);
    const axis = node.intAttr("axis", -1);
    return node.emit(oneHot, [node.input(0), depth, node.input(2), node.input(3)], { axis });
  },
};

const scatter: TfLowering = {
  ops: ["ScatterNd"],
  lower: (node) => {
    const shape = node.integers(2, "shape");
    return node.emit(scatterNd, [node.input(0), node.input(1), node.intsConstant("shape", shape)]);
  },
};

/** Of an element counted from the first. */
function placeOf(at: number, shape: readonly number[]): readonly number[] {
  let rest = at;
  return shape
    .toReversed()
    .map((size) => {
      const place = rest % size;
      rest = (rest - place) / size;
      return place;
    })
    .toReversed();
}

const positions: TfLowering = {
  ops: ["Where"],
  lower: (node) => {
    const condition = node.input(0);
    const values = node.builder.valuesOf(condition);
    const shape = node.shapeOf(condition);
    if (values) {
      const found = values.flatMap((value, at) => (value === 0 ? [] : [placeOf(at, shape)]));
      return node.intsConstant("", found.flat(), [found.length, shape.length]);
    }
    throw new NodeRefusal("how many elements it finds is known only when the model runs");
  },
};

export const selectionLowerings: readonly TfLowering[] = [
  block,
  concat,
  stack,
  unstack,
  cut,
  cutInto,
  lookUp,
  { ops: ["GatherNd"], lower: (node) => node.emit(gatherNd, [node.input(0), node.input(1)]) },
  reverse,
  oneHotLowering,
  scatter,
  positions,
];
