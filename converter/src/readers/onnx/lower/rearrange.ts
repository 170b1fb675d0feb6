/**
 * Operators that move elements and compute nothing: shapes, axes, parts, copies. Shapes are known by now, so all that only
 * change the shape become RESHAPE.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { elementCount, type Shape } from "../../../ir/graph.ts";
import { broadcastTo } from "../../../ops/broadcast-to.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { depthToSpace } from "../../../ops/depth-to-space.ts";
import { gather } from "../../../ops/gather.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { broadcastShapes } from "../../../ops/shape/broadcast.ts";
import { spaceToDepth } from "../../../ops/space-to-depth.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import { tile } from "../../../ops/tile.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { dtypeOfElement, elementTypeName } from "../tensor.ts";
import {
  block,
  castTo,
  channelsFirst,
  channelsLast,
  indices,
  part,
  reshaped,
  sameShape,
  transposed,
} from "./compose.ts";
import { constantOfBooleans } from "./constants.ts";
import type { Lowered, OnnxLowering } from "./lowering.ts";

const identity: OnnxLowering = { operators: ["Identity"], lower: (node) => node.input(0) };

/** Does nothing outside training; its mask is then all true. */
const dropout: OnnxLowering = {
  operators: ["Dropout"],
  lower: (node) => {
    const x = node.input(0);
    const training = node.optional(2);
    if (training !== null && node.numbers(training, "training mode")[0] !== 0)
      throw node.refusal("it is in training mode, which is random");
    if (!node.wants(1)) return x;
    return [x, constantOfBooleans(node, "mask", node.shape(x), () => true)];
  },
};

/** 0 takes the operand's size (unless `allowzero`), −1 what is left. */
const reshapeLowering: OnnxLowering = {
  operators: ["Reshape"],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const allowZero = node.flag("allowzero", false);
    const asked = node.integersOf("shape", 1);
    if (!asked) throw node.refusal("it has no shape");
    const sizes = asked.map((size, axis) => (size === 0 && !allowZero ? (shape[axis] ?? 1) : size));
    const known = elementCount(sizes.filter((size) => size !== -1));
    return reshaped(
      node,
      "",
      x,
      sizes.map((size) => (size === -1 ? elementCount(shape) / Math.max(known, 1) : size)),
    );
  },
};

const flatten: OnnxLowering = {
  operators: ["Flatten"],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const asked = node.int("axis", 1);
    const axis = asked < 0 ? asked + shape.length : asked;
    return reshaped(node, "", x, [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))]);
  },
};

const squeeze: OnnxLowering = {
  operators: ["Squeeze"],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const axes = node.integersOf("axes", 1)?.map((axis) => node.axis(axis, shape.length));
    if (axes?.some((axis) => shape[axis] !== 1)) throw node.refusal("it squeezes an axis that is not of size 1");
    return reshaped(
      node,
      "",
      x,
      shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
    );
  },
};

const unsqueeze: OnnxLowering = {
  operators: ["Unsqueeze"],
  lower: (node) => {
    const x = node.input(0);
    const rest = [...node.shape(x)];
    const given = node.integersOf("axes", 1) ?? [];
    const rank = rest.length + given.length;
    const axes = new Set(given.map((axis) => node.axis(axis, rank)));
    return reshaped(
      node,
      "",
      x,
      indices(rank).map((axis) => (axes.has(axis) ? 1 : (rest.shift() ?? 1))),
    );
  },
};

const transposeLowering: OnnxLowering = {
  operators: ["Transpose"],
  lower: (node) => {
    const x = node.input(0);
    return transposed(node, "", x, node.ints("perm") ?? indices(node.rank(x)).reverse());
  },
};

const concat: OnnxLowering = {
  operators: ["Concat"],
  lower: (node) => {
    const all = node.inputs.map((_, at) => node.input(at));
    const rank = node.rank(node.input(0));
    const full = all.filter((id) => elementCount(node.graph.shapeOf(id)) !== 0);
    const [first] = full;
    if (first === undefined || full.length === 1) return first ?? node.input(0);
    return node.emit(concatenation, "", full, { axis: node.axis(node.int("axis", 1), rank) });
  },
};

const split: OnnxLowering = {
  operators: ["Split"],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const axis = node.axis(node.int("axis", 0), shape.length);
    const size = shape[axis] ?? 0;
    const sizes = node.integersOf("split", 1) ?? equalParts(size, node.int("num_outputs", node.outputCount));
    if (sizes.reduce((a, b) => a + b, 0) !== size || sizes.length < node.outputCount)
      throw node.refusal(`a size of ${size} is not cut into [${sizes.join(", ")}]`);
    let at = 0;
    return sizes.map((count, index) => {
      const from = at;
      at += count;
      return node.wants(index) ? part(node, `${index}`, x, axis, from, count) : null;
    });
  },
};

/** The last part is the smallest. */
function equalParts(size: number, count: number): readonly number[] {
  const each = Math.ceil(size / count);
  return indices(count).map((at) => Math.max(0, Math.min(each, size - at * each)));
}

/** Edges are clamped to the axis; a negative step goes backwards from its last element. */
const sliceLowering: OnnxLowering = {
  operators: ["Slice"],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const starts = node.integersOf("starts", 1) ?? [];
    const ends = node.integersOf("ends", 2) ?? [];
    const axes = (node.integersOf("axes", 3) ?? indices(starts.length)).map((axis) => node.axis(axis, shape.length));
    const steps = node.integersOf("steps", 4) ?? new Array<number>(starts.length).fill(1);
    const cuts = shape.map((size) => ({ begin: 0, end: size, step: 1 }));
    for (const [at, axis] of axes.entries()) {
      const size = shape[axis] ?? 0;
      const step = steps[at] ?? 1;
      if (step === 0) throw node.refusal("it has a step of 0");
      const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
      const clamp = (edge: number) => Math.min(high, Math.max(low, edge < 0 ? edge + size : edge));
      const begin = clamp(starts[at] ?? 0);
      cuts[axis] = { begin: step < 0 ? Math.max(begin, 0) : begin, end: clamp(ends[at] ?? size), step };
    }
    return cut(node, x, cuts);
  },
};

interface Cut {
  readonly begin: number;
  readonly end: number;
  readonly step: number;
}

function cut(node: NodeBuilder, x: TensorId, cuts: readonly Cut[]): TensorId {
  const sizes = cuts.map(({ begin, end, step }) => Math.max(0, Math.ceil((end - begin) / step)));
  if (sizes.includes(0))
    return node.constant("empty", node.dtype(x), sizes, { byteLength: 0, bytes: () => new Uint8Array(0) });
  if (cuts.every(({ step }) => step === 1))
    return block(
      node,
      "",
      x,
      cuts.map(({ begin }) => begin),
      sizes,
    );
  // An end in front of the first element has no number of its own: its bit in the mask means "to the edge".
  const endMask = cuts.reduce((mask, { end }, axis) => (end < 0 ? mask | (1 << axis) : mask), 0);
  const list = (name: keyof Cut) =>
    node.integers(
      name,
      cuts.map((one) => one[name]),
    );
  return node.emit(stridedSlice, "", [x, list("begin"), list("end"), list("step")], { endMask });
}

const expand: OnnxLowering = {
  operators: ["Expand"],
  lower: (node) => {
    const x = node.input(0);
    return broadcastBy(node, "", x, broadcastShapes(node.shape(x), node.numbers(node.input(1), "shape")));
  },
};

/** `x` repeated to `shape`, which it must broadcast to. */
export function broadcastBy(node: NodeBuilder, role: string, x: TensorId, shape: Shape): TensorId {
  if (sameShape(node.shape(x), shape)) return x;
  return node.emit(broadcastTo, role, [x, node.integers(`${role}/shape`, shape)]);
}

const tileLowering: OnnxLowering = {
  operators: ["Tile"],
  lower: (node) => {
    const times = node.numbers(node.input(1), "repeats");
    if (times.every((one) => one === 1)) return node.input(0);
    return node.emit(tile, "", [node.input(0), node.integers("times", times)]);
  },
};

/** DCR is TFLite's order of channels; CRD is brought into it first. */
const depthToSpaceLowering: OnnxLowering = {
  operators: ["DepthToSpace"],
  lower: (node) => {
    const size = node.int("blocksize", 1);
    const image = channelsLast(node, "last", node.input(0));
    const channels = node.shape(image)[3] ?? 1;
    const inner = channels / (size * size);
    const order = indices(channels).map((at) => (at % inner) * size * size + Math.floor(at / inner));
    const sorted =
      node.string("mode", "DCR") === "CRD" && inner > 1
        ? node.emit(gather, "order", [image, node.integers("order/channels", order)], { axis: 3 })
        : image;
    return channelsFirst(node, "", node.emit(depthToSpace, "blocks", [sorted], { blockSize: size }));
  },
};

const spaceToDepthLowering: OnnxLowering = {
  operators: ["SpaceToDepth"],
  lower: (node) => {
    const image = channelsLast(node, "last", node.input(0));
    return channelsFirst(node, "", node.emit(spaceToDepth, "blocks", [image], { blockSize: node.int("blocksize", 1) }));
  },
};

const castLowering: OnnxLowering = {
  operators: ["Cast"],
  lower: (node) => {
    const to = node.int("to", 1);
    const dtype = dtypeOfElement(to);
    if (dtype === null) throw node.refusal(`it casts to ${elementTypeName(to)}`);
    return castTo(node, "", node.input(0), dtype);
  },
};

const castLike: OnnxLowering = {
  operators: ["CastLike"],
  lower: (node) => castTo(node, "", node.input(0), node.dtype(node.input(1))),
};

/** What is above (or below) a diagonal stays, the rest becomes zero. */
const triangle: OnnxLowering = {
  operators: ["Trilu"],
  lower: (node): Lowered => {
    const x = node.input(0);
    const [rows = 1, columns = 1] = node.shape(x).slice(-2);
    const offset = node.optional(1);
    const [k = 0] = offset === null ? [] : node.numbers(offset, "diagonal");
    const upper = node.flag("upper", true);
    const mask = constantOfBooleans(node, "mask", [rows, columns], (at) => {
      const distance = (at % columns) - Math.floor(at / columns);
      return upper ? distance >= k : distance <= k;
    });
    return node.emit(selectV2, "", [mask, x, node.scalar("zero", 0, node.dtype(x))]);
  },
};

export const rearrangements: readonly OnnxLowering[] = [
  identity,
  dropout,
  reshapeLowering,
  flatten,
  squeeze,
  unsqueeze,
  transposeLowering,
  concat,
  split,
  sliceLowering,
  expand,
  tileLowering,
  depthToSpaceLowering,
  spaceToDepthLowering,
  castLowering,
  castLike,
  triangle,
];
