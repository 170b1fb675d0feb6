/**
 * Operations among the layers that order, cut and lay out values, and pool them. Names of arguments are Keras', then
 * TensorFlow's. Rules: Keras 3 `ops/numpy.py`, `ops/core.py`, `ops/nn.py`; TensorFlow's functions of the same names.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { averagePool2d } from "../../../ops/average-pool-2d.ts";
import { cast } from "../../../ops/cast.ts";
import { depthToSpace } from "../../../ops/depth-to-space.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { maxPool2d } from "../../../ops/max-pool-2d.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { slice } from "../../../ops/slice.ts";
import { spaceToDepth } from "../../../ops/space-to-depth.ts";
import { sub } from "../../../ops/sub.ts";
import { topkV2 } from "../../../ops/topk-v2.ts";
import { permuted, range } from "./layout.ts";
import { LayerRefusal } from "./lowering.ts";
import { fromFront, type Operation, type OperationCall } from "./operation-call.ts";

const names = ["x", "inputs", "input", "values", "input_"];
const x = (call: OperationCall): TensorId => call.operand(names, 0);
const rankOf = (call: OperationCall, tensor: TensorId): number => call.layer.shapeOf(tensor).length;

/** All of an axis by size: TOPK_V2 has the greatest first, and equal ones in their order, as sorting has them. */
const sorted =
  (result: 0 | 1): Operation =>
  (call) => {
    const tensor = call.operand(["x", "values"], 0);
    const { layer } = call;
    if (layer.dtypeOf(tensor) !== "float32") throw new LayerRefusal("sorting of integers is not converted");
    const direction = call.json(["direction"], 2) ?? "ASCENDING";
    const rank = rankOf(call, tensor);
    const axis = fromFront(call.number(["axis"], -1, 1), rank);
    const order = range(0, rank)
      .with(axis, rank - 1)
      .with(rank - 1, axis);
    const last = permuted(layer, "axis_last", tensor, order);
    const rising = direction === "ASCENDING";
    const turned = rising ? layer.emit(neg, "negative", [last]) : last;
    const [values, places] = layer.emitAll(topkV2, "sorted", [
      turned,
      layer.integers("count", [], [layer.sizeOf(last, -1)]),
    ]);
    if (values === undefined || places === undefined) throw layer.fault("it sorts nothing");
    const made = result === 1 ? places : rising ? layer.emit(neg, "rising", [values]) : values;
    return permuted(layer, "axis_back", made, order);
  };

const sliced: Operation = (call) => {
  const { layer } = call;
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  const begin = call.integers(["start_indices", "begin"], 1) ?? [];
  const size = call.integers(["shape", "size"], 2) ?? [];
  if (begin.length !== rank || size.length !== rank) throw new LayerRefusal("its slice has not a part of every axis");
  return layer.emit(slice, "result", [
    tensor,
    layer.integers("begin", [rank], begin),
    layer.integers("size", [rank], size),
  ]);
};

const laidOut =
  (op: typeof depthToSpace | typeof spaceToDepth): Operation =>
  (call) => {
    if ((call.json(["data_format"], 2) ?? "NHWC") !== "NHWC") throw new LayerRefusal("a layout other than NHWC");
    return call.layer.emit(op, "result", [x(call)], { blockSize: call.number(["block_size", "blocksize"], 0, 1) });
  };

const pooledOver =
  (op: typeof maxPool2d | typeof averagePool2d): Operation =>
  (call) => {
    const tensor = x(call);
    const format = call.json(["data_format"]) ?? "NHWC";
    if (rankOf(call, tensor) !== 4 || (format !== "NHWC" && format !== "channels_last"))
      throw new LayerRefusal("pooling of other than images with channels last is not converted");
    const pair = (name: readonly string[], position: number): readonly number[] | undefined => {
      const list = call.integers(name, position);
      if (list === undefined) return undefined;
      if (list.length === 4) return list.slice(1, 3);
      return list.length === 1 ? [list[0] ?? 1, list[0] ?? 1] : list;
    };
    const size = pair(["pool_size", "ksize"], 1) ?? [1, 1];
    const strides = pair(["strides"], 2) ?? size;
    const padding = String(call.json(["padding"], 3) ?? "valid").toUpperCase();
    if (padding !== "SAME" && padding !== "VALID") throw new LayerRefusal(`padding ${padding} is not converted`);
    const [filterHeight = 1, filterWidth = 1] = size;
    const [strideH = 1, strideW = 1] = strides;
    return call.layer.emit(op, "result", [tensor], { padding, filterHeight, filterWidth, strideH, strideW });
  };

/** By Keras 3's class names; the others are TensorFlow's own. */
export const arrayOperations: Readonly<Record<string, Operation>> = {
  AddN: (call) => {
    const [first, ...rest] = call.operands(["inputs"], 0);
    if (first === undefined) throw new LayerRefusal("it adds nothing");
    return rest.reduce((sum, next, at) => call.layer.emit(add, `sum_${at}`, [sum, next]), first);
  },
  Argsort: sorted(1),
  AveragePool: pooledOver(averagePool2d),
  DepthToSpace: laidOut(depthToSpace),
  /** a / (b + [b = 0]) · (1 − [b = 0]) */
  DivideNoNan: (call) => {
    const { layer } = call;
    const [a, b] = [call.operand(["x1", "x"], 0), call.operand(["x2", "y"], 1)];
    const zero = layer.emit(cast, "zeros", [layer.emit(equal, "is_zero", [b, layer.scalar(0)])], {
      inDataType: "BOOL",
      outDataType: "FLOAT32",
    });
    const quotient = layer.emit(div, "quotient", [a, layer.emit(add, "divisor", [b, zero])]);
    return layer.emit(mul, "result", [quotient, layer.emit(sub, "not_zero", [layer.scalar(1), zero])]);
  },
  MaxPool: pooledOver(maxPool2d),
  Slice: sliced,
  Sort: sorted(0),
  SpaceToDepth: laidOut(spaceToDepth),
};
