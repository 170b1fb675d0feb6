/** Shapes as values, which are all known here; values of a shape; the same elements under another shape. */
import type { TensorId } from "../../../ir/graph.ts";
import { broadcastTo } from "../../../ops/broadcast-to.ts";
import { fill } from "../../../ops/fill.ts";
import { range } from "../../../ops/range.ts";
import { broadcastShapes } from "../../../ops/shape/broadcast.ts";
import { tile } from "../../../ops/tile.ts";
import type { NodeLowering } from "../node-lowering.ts";
import type { TfLowering } from "./tf-lowering.ts";

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const filled = (node: NodeLowering, value: number): TensorId => {
  const input = node.input(0);
  const shape = node.shapeOf(input);
  return node.emit(fill, [node.intsConstant("dims", shape), node.scalarLike(input, value)]);
};

const reshape: TfLowering = {
  ops: ["Reshape"],
  lower: (node) => {
    const input = node.input(0);
    const elements = count(node.shapeOf(input));
    const target = node.integers(1, "shape");
    const rest = target.reduce((product, size) => (size === -1 ? product : product * size), 1);
    const open = target.filter((size) => size === -1).length;
    const fits = open === 0 ? rest === elements : open === 1 && rest > 0 && elements % rest === 0;
    if (!fits) throw node.fault(`[${node.shapeOf(input).join(", ")}] cannot become [${target.join(", ")}]`);
    return node.reshaped(
      input,
      target.map((size) => (size === -1 ? elements / rest : size)),
    );
  },
};

const squeeze: TfLowering = {
  ops: ["Squeeze"],
  lower: (node) => {
    const input = node.input(0);
    const shape = node.shapeOf(input);
    const axes = (node.intsAttr("squeeze_dims") ?? node.intsAttr("axis") ?? []).map((axis) =>
      node.axis(axis, shape.length),
    );
    if (axes.some((axis) => shape[axis] !== 1)) throw node.fault(`an axis of [${shape.join(", ")}] that goes is not 1`);
    return node.reshaped(
      input,
      shape.filter((size, axis) => (axes.length > 0 ? !axes.includes(axis) : size !== 1)),
    );
  },
};

const expandDims: TfLowering = {
  ops: ["ExpandDims"],
  lower: (node) => {
    const shape = node.shapeOf(node.input(0));
    const axis = node.axis(node.integer(1, "axis"), shape.length + 1);
    return node.reshaped(node.input(0), shape.toSpliced(axis, 0, 1));
  },
};

const transpose: TfLowering = {
  ops: ["Transpose"],
  lower: (node) => {
    const rank = node.rankOf(node.input(0));
    const axes = node.integers(1, "order of axes").map((axis) => node.axis(axis, rank));
    return rank === 0 ? node.input(0) : node.permuted(node.input(0), axes);
  },
};

const broadcast: TfLowering = {
  ops: ["BroadcastTo"],
  lower: (node) => {
    const target = node.integers(1, "shape");
    const same = target.join() === node.shapeOf(node.input(0)).join();
    return same ? node.input(0) : node.emit(broadcastTo, [node.input(0), node.intsConstant("shape", target)]);
  },
};

const tiled: TfLowering = {
  ops: ["Tile"],
  lower: (node) => {
    const multiples = node.integers(1, "multiples");
    if (multiples.every((times) => times === 1)) return node.input(0);
    return node.emit(tile, [node.input(0), node.intsConstant("multiples", multiples)]);
  },
};

const linearSteps: TfLowering = {
  ops: ["LinSpace"],
  lower: (node) => {
    const [start = 0] = node.integers(0, "start");
    const [stop = 0] = node.integers(1, "stop");
    const steps = node.integer(2, "number of steps");
    if (steps < 1 || steps > 2 ** 20) throw node.fault(`${steps} steps`);
    const at = (i: number): number =>
      i === steps - 1 && steps > 1 ? stop : start + (i * (stop - start)) / Math.max(steps - 1, 1);
    return node.floatsConstant(
      "",
      Array.from({ length: steps }, (_, i) => at(i)),
    );
  },
};

export const shapeLowerings: readonly TfLowering[] = [
  reshape,
  squeeze,
  expandDims,
  transpose,
  broadcast,
  tiled,
  linearSteps,
  { ops: ["Shape"], lower: (node) => node.intsConstant("", node.shapeOf(node.input(0))) },
  { ops: ["ShapeN"], lower: (node) => node.inputs.map((input) => node.intsConstant("", node.shapeOf(input))) },
  { ops: ["Size"], lower: (node) => node.intsConstant("", [count(node.shapeOf(node.input(0)))], []) },
  { ops: ["Rank"], lower: (node) => node.intsConstant("", [node.rankOf(node.input(0))], []) },
  { ops: ["ZerosLike"], lower: (node) => filled(node, 0) },
  { ops: ["OnesLike"], lower: (node) => filled(node, 1) },
  {
    ops: ["Fill"],
    lower: (node) => node.emit(fill, [node.intsConstant("dims", node.integers(0, "shape")), node.input(1)]),
  },
  { ops: ["Range"], lower: (node) => node.emit(range, [node.input(0), node.input(1), node.input(2)]) },
  {
    ops: ["BroadcastArgs"],
    lower: (node) => node.intsConstant("", broadcastShapes(node.integers(0, "shape"), node.integers(1, "shape"))),
  },
];
