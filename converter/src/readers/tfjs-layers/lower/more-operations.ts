/**
 * Operations among the layers that are spelt with others, or need their own look at the arguments; the common ones are in
 * `operations.ts`. Names of arguments are Keras', then TensorFlow's. Rules: Keras 3 `ops/numpy.py`, `ops/nn.py`, `ops/math.py`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { broadcastTo } from "../../../ops/broadcast-to.ts";
import { cast } from "../../../ops/cast.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { cos } from "../../../ops/cos.ts";
import { cumsum } from "../../../ops/cumsum.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { erf } from "../../../ops/erf.ts";
import { exp } from "../../../ops/exp.ts";
import { floorDiv } from "../../../ops/floor-div.ts";
import { floorMod } from "../../../ops/floor-mod.ts";
import { gather } from "../../../ops/gather.ts";
import { log } from "../../../ops/log.ts";
import { mean } from "../../../ops/mean.ts";
import { mirrorPad } from "../../../ops/mirror-pad.ts";
import { mul } from "../../../ops/mul.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { oneHot } from "../../../ops/one-hot.ts";
import { padv2 } from "../../../ops/padv2.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { resizeBilinear } from "../../../ops/resize-bilinear.ts";
import { resizeNearestNeighbor } from "../../../ops/resize-nearest-neighbor.ts";
import { reverseV2 } from "../../../ops/reverse-v2.ts";
import { round } from "../../../ops/round.ts";
import { sign } from "../../../ops/sign.ts";
import { sin } from "../../../ops/sin.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { squaredDifference } from "../../../ops/squared-difference.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import { sub } from "../../../ops/sub.ts";
import { sum } from "../../../ops/sum.ts";
import { topkV2 } from "../../../ops/topk-v2.ts";
import { activationFunctions } from "./activation-functions.ts";
import { permuted, range, reshapeTo } from "./layout.ts";
import { LayerRefusal } from "./lowering.ts";
import { fromFront, type Operation, type OperationCall } from "./operation-call.ts";

const names = ["x", "input", "inputs", "tensor", "value", "input_tensor", "features", "a"];
const x = (call: OperationCall): TensorId => call.operand(names, 0);
const rankOf = (call: OperationCall, tensor: TensorId): number => call.layer.shapeOf(tensor).length;

function axesOf(call: OperationCall, tensor: TensorId, position = 1): readonly number[] {
  const rank = rankOf(call, tensor);
  const asked = call.integers(["axis", "axes"], position);
  return (asked ?? range(0, rank)).map((axis) => fromFront(axis, rank));
}

const axisList = (call: OperationCall, axes: readonly number[]): TensorId =>
  call.layer.integers("axes", [axes.length], axes);

const activation =
  (name: string): Operation =>
  (call) => {
    const apply = activationFunctions.get(name);
    if (!apply) throw new LayerRefusal(`the activation "${name}" is not converted`);
    return apply(call.layer, x(call));
  };

/** log x · factor */
const logarithm =
  (factor: number): Operation =>
  (call) =>
    call.layer.emit(mul, "result", [call.layer.emit(log, "log", [x(call)]), call.layer.scalar(factor)]);

/** The mean of squares of what differs from the mean; its root. */
const spread =
  (rooted: boolean): Operation =>
  (call) => {
    const tensor = x(call);
    const axes = axisList(call, axesOf(call, tensor));
    const average = call.layer.emit(mean, "mean", [tensor, axes], { keepDims: true });
    const squares = call.layer.emit(squaredDifference, "squares", [tensor, average]);
    const keepDims = call.boolean(["keepdims"], false, 2);
    const variance = call.layer.emit(mean, "variance", [squares, axes], { keepDims });
    return rooted ? call.layer.emit(sqrt, "result", [variance]) : variance;
  };

/** max + log Σ e^(x − max), which does not overflow */
const logSumExp: Operation = (call) => {
  const tensor = x(call);
  const axes = axesOf(call, tensor);
  const list = axisList(call, axes);
  const most = call.layer.emit(reduceMax, "max", [tensor, list], { keepDims: true });
  const powers = call.layer.emit(exp, "powers", [call.layer.emit(sub, "below", [tensor, most])]);
  const total = call.layer.emit(log, "log", [call.layer.emit(sum, "sum", [powers, list], { keepDims: true })]);
  const whole = call.layer.emit(add, "whole", [total, most]);
  if (call.boolean(["keepdims"], false, 2)) return whole;
  const shape = call.layer.shapeOf(whole).filter((_, axis) => !axes.includes(axis));
  return reshapeTo(call.layer, "result", whole, shape);
};

const norm: Operation = (call) => {
  const order = call.json(["ord"], 1) ?? "euclidean";
  if (order !== 2 && order !== "euclidean" && order !== "fro") {
    throw new LayerRefusal(`a norm of order ${JSON.stringify(order)} is not converted`);
  }
  const tensor = x(call);
  const axes = axisList(call, axesOf(call, tensor, 2));
  const squares = call.layer.emit(square, "squares", [tensor]);
  const keepDims = call.boolean(["keepdims"], false, 3);
  return call.layer.emit(sqrt, "result", [call.layer.emit(sum, "sum", [squares, axes], { keepDims })]);
};

const padded: Operation = (call) => {
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  const widths = call.json(["pad_width", "paddings"], 1);
  const flat = Array.isArray(widths) ? widths.flat().filter((size) => typeof size === "number") : [];
  const all = typeof widths === "number" ? new Array<number>(2 * rank).fill(widths) : flat;
  if (all.length !== 2 * rank) throw new LayerRefusal("its padding is not a pair for every axis");
  const pairs = call.layer.integers("widths", [rank, 2], all);
  const mode = String(call.json(["mode"], 2) ?? "constant").toLowerCase();
  if (mode === "constant") {
    const fill = call.number(["constant_values"], 0, 3);
    const value =
      call.layer.dtypeOf(tensor) === "int32" ? call.layer.integers("fill", [], [fill]) : call.layer.scalar(fill);
    return call.layer.emit(padv2, "result", [tensor, pairs, value]);
  }
  if (mode !== "reflect" && mode !== "symmetric") throw new LayerRefusal(`padding by "${mode}" is not converted`);
  return call.layer.emit(mirrorPad, "result", [tensor, pairs], { mode: mode === "reflect" ? "REFLECT" : "SYMMETRIC" });
};

const moved: Operation = (call) => {
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  const [from, to] = [call.integers(["source"], 1) ?? [], call.integers(["destination"], 2) ?? []].map((axes) =>
    axes.map((axis) => fromFront(axis, rank)),
  );
  const order = range(0, rank).filter((axis) => !from?.includes(axis));
  const pairs = (to ?? []).map((place, at) => [place, from?.[at] ?? 0] as const).toSorted(([a], [b]) => a - b);
  for (const [place, axis] of pairs) order.splice(place, 0, axis);
  return permuted(call.layer, "result", tensor, order);
};

/** A range of an axis; -1 for `stop` goes to its end. */
function part(
  call: OperationCall,
  role: string,
  tensor: TensorId,
  axis: number,
  start: number,
  stop: number,
): TensorId {
  const rank = rankOf(call, tensor);
  const edge = (size: number): number[] => range(0, rank).map((at) => (at === axis ? size : 0));
  const whole = (1 << rank) - 1;
  const lists = [edge(start), edge(stop), new Array<number>(rank).fill(1)].map((list, at) =>
    call.layer.integers(`${role}_${at}`, [rank], list),
  );
  const masks = { beginMask: whole & ~(1 << axis), endMask: stop === -1 ? whole : whole & ~(1 << axis) };
  return call.layer.emit(stridedSlice, role, [tensor, ...lists], masks);
}

const rolled: Operation = (call) => {
  const tensor = x(call);
  const [by, ...others] = call.integers(["shift"], 1) ?? [];
  const [axis, ...more] = axesOf(call, tensor, 2);
  if (by === undefined || axis === undefined || others.length + more.length > 0)
    throw new LayerRefusal("it rolls along more than one axis");
  const size = call.layer.sizeOf(tensor, axis);
  const at = (((size - by) % size) + size) % size;
  if (at === 0) return tensor;
  const parts = [part(call, "behind", tensor, axis, at, -1), part(call, "front", tensor, axis, 0, at)];
  return call.layer.emit(concatenation, "result", parts, { axis });
};

/** A split at places, or into parts of several sizes. */
export function splitAt(
  call: OperationCall,
  tensor: TensorId,
  axis: number,
  places: readonly number[],
): readonly TensorId[] {
  const edges = [0, ...places];
  return edges.map((start, at) => part(call, `part_${at}`, tensor, axis, start, edges[at + 1] ?? -1));
}

const repeated: Operation = (call) => {
  const tensor = x(call);
  const [axis, ...more] = axesOf(call, tensor, 2);
  const [times, ...others] = call.integers(["repeats"], 1) ?? [];
  if (axis === undefined || times === undefined || times < 1 || more.length + others.length > 0)
    throw new LayerRefusal("it repeats by several numbers, or along no axis");
  const places = range(0, call.layer.sizeOf(tensor, axis)).flatMap((at) => new Array<number>(times).fill(at));
  return call.layer.emit(gather, "result", [tensor, call.layer.integers("places", [places.length], places)], { axis });
};

const likeness =
  (value: (call: OperationCall) => number): Operation =>
  (call) => {
    // Zero times the value keeps its shape, whatever that is; the numbers are no infinities at this point.
    const tensor = x(call);
    const whole = call.layer.dtypeOf(tensor) === "int32";
    const constant = (role: string, number: number): TensorId =>
      whole ? call.layer.integers(role, [], [number]) : call.layer.scalar(number);
    const asked = call.json(["dtype"], 1);
    if (asked === "bool" || (asked === undefined && call.layer.dtypeOf(tensor) === "bool")) {
      // What differs from itself is nothing; Keras 3 writes the masks of joined values so.
      return call.layer.emit(value(call) === 0 ? notEqual : equal, "result", [tensor, tensor]);
    }
    if (call.layer.dtypeOf(tensor) === "bool" || (typeof asked === "string" && asked !== call.layer.dtypeOf(tensor)))
      throw new LayerRefusal(`one of another dtype, ${JSON.stringify(asked ?? "bool")}, is not converted`);
    const shape = call.layer.shapeOf(tensor);
    if (shape.includes(-1)) {
      const zeros = call.layer.emit(sub, "zeros", [tensor, tensor]);
      return call.layer.emit(add, "result", [zeros, constant("value", value(call))]);
    }
    const list = new Array<number>(shape.reduce((all, size) => all * size, 1)).fill(value(call));
    return whole ? call.layer.integers("result", shape, list) : call.layer.floats("result", shape, list);
  };

const encoded: Operation = (call) => {
  const { layer } = call;
  const tensor = call.operand(["x", "indices"], 0);
  const indices =
    layer.dtypeOf(tensor) === "int32"
      ? tensor
      : layer.emit(cast, "indices", [tensor], { inDataType: "FLOAT32", outDataType: "INT32" });
  if (call.number(["axis"], -1, 2) !== -1) throw new LayerRefusal("one-hot along another axis than a new last one");
  const depth = layer.integers("depth", [], [call.number(["num_classes", "depth"], 0, 1)]);
  return layer.emit(oneHot, "result", [indices, depth, layer.scalar(1), layer.scalar(0)], { axis: -1 });
};

const resized: Operation = (call) => {
  const tensor = call.operand(["images", "image"], 0);
  const size = call.integers(["size"], 1) ?? [];
  const method = call.json(["interpolation", "method"], 2) ?? "bilinear";
  const plain = ["antialias", "preserve_aspect_ratio", "crop_to_aspect_ratio", "pad_to_aspect_ratio"].every(
    (name) => !call.boolean([name], false),
  );
  const last = (call.json(["data_format"]) ?? "channels_last") === "channels_last";
  if (!plain || !last || size.length !== 2 || rankOf(call, tensor) !== 4 || call.layer.dtypeOf(tensor) !== "float32")
    throw new LayerRefusal("it resizes otherwise than floats with channels last, each side to its size");
  const list = call.layer.integers("size", [2], size);
  const half = { halfPixelCenters: true };
  if (method === "bilinear") return call.layer.emit(resizeBilinear, "result", [tensor, list], half);
  if (method === "nearest") return call.layer.emit(resizeNearestNeighbor, "result", [tensor, list], half);
  throw new LayerRefusal(`interpolation ${JSON.stringify(method)} is not converted`);
};

const binary =
  (op: typeof floorDiv | typeof floorMod): Operation =>
  (call) =>
    call.layer.emit(op, "result", [call.operand(["x1", "x", "a"], 0), call.operand(["x2", "y", "b"], 1)]);

/** By Keras 3's class names. */
export const moreOperations: Readonly<Record<string, Operation>> = {
  BroadcastTo: (call) => {
    const tensor = x(call);
    const asked = call.integers(["shape"], 1) ?? [];
    const own = call.layer.shapeOf(tensor);
    const shape = asked.map((size, at) => (size === -1 ? (own[own.length - asked.length + at] ?? 1) : size));
    if (shape.includes(-1)) throw new LayerRefusal("it broadcasts to a size that is only known at run time");
    return call.layer.emit(broadcastTo, "result", [tensor, call.layer.integers("shape", [shape.length], shape)]);
  },
  Cumsum: (call) => {
    const tensor = x(call);
    const [axis, ...more] = axesOf(call, tensor);
    if (axis === undefined || more.length > 0) throw new LayerRefusal("a sum along all axes at once");
    return call.layer.emit(cumsum, "result", [tensor, call.layer.integers("axis", [], [axis])], {
      exclusive: call.boolean(["exclusive"], false),
      reverse: call.boolean(["reverse"], false),
    });
  },
  Erf: (call) => call.layer.emit(erf, "result", [x(call)]),
  Expm1: (call) => call.layer.emit(sub, "result", [call.layer.emit(exp, "exp", [x(call)]), call.layer.scalar(1)]),
  Exp2: (call) =>
    call.layer.emit(exp, "result", [call.layer.emit(mul, "scaled", [x(call), call.layer.scalar(Math.LN2)])]),
  Flip: (call) => {
    const tensor = x(call);
    // REVERSE_V2 takes one axis at a time in some runtimes.
    return axesOf(call, tensor).reduce<TensorId>(
      (made, axis) => call.layer.emit(reverseV2, `flip_${axis}`, [made, call.layer.integers("axis", [1], [axis])]),
      tensor,
    );
  },
  FloorDivide: binary(floorDiv),
  FullLike: likeness((call) => call.number(["fill_value"], 0, 1)),
  HardShrink: activation("hardShrink"),
  HardTanh: activation("hardTanh"),
  Log10: logarithm(Math.LOG10E),
  Log1p: (call) => call.layer.emit(log, "result", [call.layer.emit(add, "more", [x(call), call.layer.scalar(1)])]),
  Log2: logarithm(Math.LOG2E),
  LogSigmoid: activation("logSigmoid"),
  LogicalXor: (call) =>
    call.layer.emit(notEqual, "result", [call.operand(["x1", "x"], 0), call.operand(["x2", "y"], 1)]),
  Logsumexp: logSumExp,
  Mod: binary(floorMod),
  Moveaxis: moved,
  Norm: norm,
  OneHot: encoded,
  OnesLike: likeness(() => 1),
  Pad: padded,
  Ravel: (call) => reshapeTo(call.layer, "result", x(call), [-1]),
  Repeat: repeated,
  Resize: resized,
  Roll: rolled,
  Round: (call) => {
    if (call.number(["decimals"], 0, 1) !== 0) throw new LayerRefusal("rounding to decimals is not converted");
    return call.layer.emit(round, "result", [x(call)]);
  },
  Sign: (call) => call.layer.emit(sign, "result", [x(call)]),
  SoftShrink: activation("softShrink"),
  SparsePlus: activation("sparsePlus"),
  SparseSigmoid: activation("sparseSigmoid"),
  Squareplus: activation("squareplus"),
  Std: spread(true),
  Tan: (call) => {
    const tensor = x(call);
    return call.layer.emit(div, "result", [
      call.layer.emit(sin, "sin", [tensor]),
      call.layer.emit(cos, "cos", [tensor]),
    ]);
  },
  TanhShrink: activation("tanhShrink"),
  TopK: (call) => {
    const count = call.layer.integers("k", [], [call.number(["k"], 1, 1)]);
    return call.layer.emitAll(topkV2, "result", [x(call), count]);
  },
  Var: spread(false),
  ZerosLike: likeness(() => 0),
};
