/**
 * Operations that stand among the layers: `keras.ops.*` of Keras 3 (class and module), `tf.*` of Keras 2 (TFOpLambda,
 * with the function's name in its config). One table; names of arguments are Keras', then TensorFlow's.
 */
import type { JsonValue } from "@flotilla/protocol/json-value";
import { isJsonObject } from "@flotilla/protocol/json-value";
import type { Attributes, TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { argMax } from "../../../ops/arg-max.ts";
import { argMin } from "../../../ops/arg-min.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { cast } from "../../../ops/cast.ts";
import { ceil } from "../../../ops/ceil.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { cos } from "../../../ops/cos.ts";
import type { Op } from "../../../ops/define-op.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { exp } from "../../../ops/exp.ts";
import { floor } from "../../../ops/floor.ts";
import { gather } from "../../../ops/gather.ts";
import { gelu } from "../../../ops/gelu.ts";
import { greater } from "../../../ops/greater.ts";
import { greaterEqual } from "../../../ops/greater-equal.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { less } from "../../../ops/less.ts";
import { lessEqual } from "../../../ops/less-equal.ts";
import { log } from "../../../ops/log.ts";
import { logSoftmax } from "../../../ops/log-softmax.ts";
import { logicalAnd } from "../../../ops/logical-and.ts";
import { logicalNot } from "../../../ops/logical-not.ts";
import { logicalOr } from "../../../ops/logical-or.ts";
import { maximum } from "../../../ops/maximum.ts";
import { mean } from "../../../ops/mean.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { pack } from "../../../ops/pack.ts";
import { pow } from "../../../ops/pow.ts";
import { reduceAll } from "../../../ops/reduce-all.ts";
import { reduceAny } from "../../../ops/reduce-any.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMin } from "../../../ops/reduce-min.ts";
import { reduceProd } from "../../../ops/reduce-prod.ts";
import { rsqrt } from "../../../ops/rsqrt.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sin } from "../../../ops/sin.ts";
import { split } from "../../../ops/split.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { squaredDifference } from "../../../ops/squared-difference.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import { sub } from "../../../ops/sub.ts";
import { sum } from "../../../ops/sum.ts";
import { tile } from "../../../ops/tile.ts";
import { unpack } from "../../../ops/unpack.ts";
import type { LayerSpec } from "../layer-spec.ts";
import { activationFunctions, clipped } from "./activation-functions.ts";
import { softmaxOver } from "./activation-layers.ts";
import { arrayOperations } from "./array-operations.ts";
import { einsum } from "./einsum.ts";
import { permuted, range, reshapeTo } from "./layout.ts";
import { type LayerLowering, LayerRefusal } from "./lowering.ts";
import { moreOperations, splitAt } from "./more-operations.ts";
import { unitLength } from "./normalization.ts";
import { fromFront, type Operation, OperationCall } from "./operation-call.ts";
import { tensorflowFunctions } from "./tensorflow-functions.ts";

const value = ["x", "input", "inputs", "tensor", "features", "logits", "input_tensor", "a"];
const axisNames = ["axis", "axes", "dim"];

const x = (call: OperationCall): TensorId => call.operand(value, 0);
const rankOf = (call: OperationCall, tensor: TensorId): number => call.layer.shapeOf(tensor).length;

const unary =
  (op: Op<Attributes>): Operation =>
  (call) =>
    call.layer.emit(op, "result", [x(call)]);

const binary =
  <A extends Attributes>(op: Op<A>): Operation =>
  (call) =>
    call.layer.emit(op, "result", [call.operand(["x1", "x", "a"], 0), call.operand(["x2", "y", "b"], 1)]);

const reduction =
  <A extends Attributes & { readonly keepDims: boolean }>(
    op: Op<A>,
    keep: (keepDims: boolean) => Partial<A>,
  ): Operation =>
  (call) => {
    const tensor = x(call);
    const rank = rankOf(call, tensor);
    const axes = (call.integers(axisNames, 1) ?? range(0, rank)).map((axis) => fromFront(axis, rank));
    const keepDims = call.boolean(["keepdims", "keep_dims"], false, 2);
    return call.layer.emit(op, "result", [tensor, call.layer.integers("axes", [axes.length], axes)], keep(keepDims));
  };
const keepDims = (keep: boolean) => ({ keepDims: keep });

/** An activation of one value under its own name. */
const activation =
  (name: string): Operation =>
  (call) => {
    const apply = activationFunctions.get(name);
    if (!apply) throw new LayerRefusal(`the activation "${name}" is not converted`);
    return apply(call.layer, x(call));
  };

const matmul: Operation = (call) => {
  const [a, b] = [call.operand(["x1", "a"], 0), call.operand(["x2", "b"], 1)];
  if (rankOf(call, a) < 2 || rankOf(call, b) < 2) throw new LayerRefusal("a product with a vector is not converted");
  const attributes = {
    adjX: call.boolean(["transpose_a"], false, 2),
    adjY: call.boolean(["transpose_b"], false, 3),
  };
  return call.layer.emit(batchMatmul, "result", [a, b], attributes);
};

const reshaped: Operation = (call) => {
  const tensor = x(call);
  const target = call.integers(["newshape", "shape"], 1) ?? [];
  const shape = call.layer.shapeOf(tensor);
  const count = shape.includes(-1) ? -1 : shape.reduce((product, size) => product * size, 1);
  const known = target.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const settled = count === -1 ? target : target.map((size) => (size === -1 ? count / known : size));
  // Keras fixes the batch that it was built with; a file of batch 1 cannot have another.
  if (!settled.every(Number.isInteger))
    throw new LayerRefusal(`[${shape.join(", ")}] cannot become [${target.join(", ")}]`);
  return reshapeTo(call.layer, "result", tensor, settled);
};

const transposed: Operation = (call) => {
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  const order = call.integers(["axes", "perm"], 1) ?? range(0, rank).toReversed();
  return permuted(
    call.layer,
    "result",
    tensor,
    order.map((axis) => fromFront(axis, rank)),
  );
};

const swapped: Operation = (call) => {
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  const [a, b] = [call.number(["axis1"], 0, 1), call.number(["axis2"], 1, 2)].map((axis) => fromFront(axis, rank));
  return permuted(
    call.layer,
    "result",
    tensor,
    range(0, rank).map((axis) => (axis === a ? b! : axis === b ? a! : axis)),
  );
};

const expanded: Operation = (call) => {
  const tensor = x(call);
  const shape = call.layer.shapeOf(tensor);
  const axes = call.integers(["axis"], 1) ?? [0];
  const rank = shape.length + axes.length;
  const fresh = axes.map((axis) => fromFront(axis, rank)).toSorted((a, b) => a - b);
  return reshapeTo(
    call.layer,
    "result",
    tensor,
    fresh.reduce<readonly number[]>((made, axis) => made.toSpliced(axis, 0, 1), shape),
  );
};

const squeezed: Operation = (call) => {
  const tensor = x(call);
  const shape = call.layer.shapeOf(tensor);
  const asked = call.integers(["axis"], 1)?.map((axis) => fromFront(axis, shape.length));
  const gone = asked ?? range(0, shape.length).filter((axis) => shape[axis] === 1);
  if (gone.some((axis) => shape[axis] !== 1))
    throw new LayerRefusal(`it squeezes axes of [${shape.join(", ")}] that are not 1`);
  return reshapeTo(
    call.layer,
    "result",
    tensor,
    shape.filter((_, axis) => !gone.includes(axis)),
  );
};

const concatenated: Operation = (call) => {
  const tensors = call.operands(["xs", "values"], 0);
  const [first] = tensors;
  if (first === undefined) throw new LayerRefusal("it joins nothing");
  return call.layer.emit(concatenation, "result", tensors, {
    axis: fromFront(call.number(["axis"], -1, 1), rankOf(call, first)),
  });
};

const stacked: Operation = (call) => {
  const tensors = call.operands(["x", "xs", "values"], 0);
  const [first] = tensors;
  if (first === undefined) throw new LayerRefusal("it stacks nothing");
  const axis = fromFront(call.number(["axis"], 0, 1), rankOf(call, first) + 1);
  return call.layer.emit(pack, "result", tensors, { axis, valuesCount: tensors.length });
};

const parted: Operation = (call) => {
  const tensor = call.operand(["x", "value"], 0);
  const count = call.json(["indices_or_sections", "num_or_size_splits"], 1);
  const axis = fromFront(call.number(["axis"], 0, 2), rankOf(call, tensor));
  if (Array.isArray(count)) {
    const numbers = count.map((at) => {
      if (typeof at === "number" && at >= 0) return at;
      throw new LayerRefusal("a split of which one part takes what is left is not converted");
    });
    // Keras has the places, TensorFlow the sizes of the parts.
    const sizes = call.json(["num_or_size_splits"]) !== undefined || call.layer.className === "TFOpLambda";
    const places = sizes
      ? numbers.slice(0, -1).map((_, at) => numbers.slice(0, at + 1).reduce((a, b) => a + b))
      : numbers;
    return splitAt(call, tensor, axis, places);
  }
  if (typeof count !== "number") throw new LayerRefusal("a split by what is only known at run time is not converted");
  return call.layer.emitAll(split, "result", [call.layer.integers("axis", [], [axis]), tensor], { numSplits: count });
};

const unstacked: Operation = (call) => {
  const tensor = call.operand(["x", "value"], 0);
  const axis = fromFront(call.number(["axis"], 0, 2), rankOf(call, tensor));
  return call.layer.emitAll(unpack, "result", [tensor], { axis, num: call.layer.sizeOf(tensor, axis) });
};

const softmaxed: Operation = (call) => {
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  const axes = call.integers(["axis"], 1) ?? [-1];
  return softmaxOver(
    call.layer,
    tensor,
    axes.map((axis) => fromFront(axis, rank)),
  );
};

const picked: Operation = (call) => {
  const tensor = call.operand(["x", "params"], 0);
  const indices = call.operand(["indices"], 1);
  const asInts =
    call.layer.dtypeOf(indices) === "int32"
      ? indices
      : call.layer.emit(cast, "indices", [indices], { inDataType: "FLOAT32", outDataType: "INT32" });
  const axis = fromFront(call.number(["axis"], 0, 2), rankOf(call, tensor));
  return call.layer.emit(gather, "result", [tensor, asInts], { axis });
};

const placeOf =
  <A extends Attributes>(op: Op<A>): Operation =>
  (call) => {
    const tensor = x(call);
    const axis = fromFront(call.number(["axis"], -1, 1), rankOf(call, tensor));
    if (call.boolean(["keepdims"], false, 2)) throw new LayerRefusal("keepdims is not converted");
    return call.layer.emit(op, "result", [tensor, call.layer.integers("axis", [], [axis])]);
  };

const converted: Operation = (call) => {
  const tensor = call.operand(["x", "value"], 0);
  const asked = call.json(["dtype"], 1) ?? call.layer.dtypeOf(tensor);
  const from = call.layer.dtypeOf(tensor);
  const to = asked === "int64" ? "int32" : asked;
  if (from === to) return tensor;
  if (to === "float32" && from === "int32") return call.layer.emit(cast, "result", [tensor], toFloat("INT32"));
  if (to === "float32" && from === "bool") return call.layer.emit(cast, "result", [tensor], toFloat("BOOL"));
  if (to === "int32" && from === "bool") {
    return call.layer.emit(cast, "result", [tensor], { inDataType: "BOOL", outDataType: "INT32" });
  }
  if (to === "int32" && from === "float32") {
    return call.layer.emit(cast, "result", [tensor], { inDataType: "FLOAT32", outDataType: "INT32" });
  }
  throw new LayerRefusal(`a cast from ${from} to ${JSON.stringify(asked)} is not converted`);
};
const toFloat = (inDataType: "INT32" | "BOOL") => ({ inDataType, outDataType: "FLOAT32" }) as const;

/** x[…]: integers, slices, an ellipsis and new axes, as STRIDED_SLICE has them. */
const item: Operation = (call) => {
  const tensor = call.operand(["x"], 0);
  const key = call.argument(["key", "slice_spec"], 1);
  if (key?.kind !== "json") throw new LayerRefusal("an index that is only known at run time is not converted");
  const parts = Array.isArray(key.value) ? key.value : [key.value];
  const [begin, end, strides]: [number[], number[], number[]] = [[], [], []];
  const masks = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
  parts.forEach((part, index) => {
    const bit = 1 << index;
    const edge = edgesOf(part);
    if (edge === "ellipsis") masks.ellipsisMask |= bit;
    else if (edge === "new") masks.newAxisMask |= bit;
    else if (typeof edge === "number") masks.shrinkAxisMask |= bit;
    else {
      if (edge.start === null) masks.beginMask |= bit;
      if (edge.stop === null) masks.endMask |= bit;
    }
    const known = typeof edge === "object" ? edge : null;
    const at = typeof edge === "number" ? edge : 0;
    begin.push(known?.start ?? at);
    end.push(known?.stop ?? at + 1);
    strides.push(known?.step ?? 1);
  });
  const lists = [begin, end, strides].map((list, i) => call.layer.integers(`edge_${i}`, [list.length], list));
  return call.layer.emit(stridedSlice, "result", [tensor, ...lists], masks);
};

interface Edges {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number | null;
}

function edgesOf(part: JsonValue): number | "ellipsis" | "new" | Edges {
  if (part === null) return "new";
  if (typeof part === "number") return part;
  if (part === "__ellipsis__" || (isJsonObject(part) && part.class_name === "__ellipsis__")) return "ellipsis";
  const fields = isJsonObject(part) && isJsonObject(part.config) ? part.config : part;
  if (isJsonObject(fields) && ("start" in fields || "stop" in fields)) {
    const edge = (size: JsonValue | undefined): number | null => {
      if (size === null || size === undefined) return null;
      if (typeof size === "number") return size;
      throw new LayerRefusal("a slice whose edges are only known at run time is not converted");
    };
    return { start: edge(fields.start), stop: edge(fields.stop), step: edge(fields.step) };
  }
  throw new LayerRefusal(`the index ${JSON.stringify(part).slice(0, 60)} is not converted`);
}

const power: Operation = (call) => {
  const base = call.operand(["x1", "x"], 0);
  const exponent = call.argument(["x2", "y"], 1);
  if (exponent?.kind === "json" && exponent.value === 2) return call.layer.emit(square, "result", [base]);
  return call.layer.emit(pow, "result", [base, call.operand(["x2", "y"], 1)]);
};

const normalized: Operation = (call) => {
  const tensor = x(call);
  const rank = rankOf(call, tensor);
  if (call.number(["order"], 2, 2) !== 2) throw new LayerRefusal("a norm of another order than 2 is not converted");
  return unitLength(
    call.layer,
    tensor,
    (call.integers(["axis"], 1) ?? [-1]).map((axis) => fromFront(axis, rank)),
  );
};

/** By Keras 3's class names. */
const operations: Readonly<Record<string, Operation>> = {
  ...moreOperations,
  ...arrayOperations,
  Absolute: unary(abs),
  Abs: unary(abs),
  Add: binary(add),
  All: reduction(reduceAll, keepDims),
  Amax: reduction(reduceMax, keepDims),
  Amin: reduction(reduceMin, keepDims),
  Any: reduction(reduceAny, keepDims),
  Argmax: placeOf(argMax),
  Argmin: placeOf(argMin),
  Cast: converted,
  Ceil: unary(ceil),
  Clip: (call) =>
    clipped(
      call.layer,
      "result",
      x(call),
      call.number(["x_min", "clip_value_min"], 0, 1),
      call.number(["x_max", "clip_value_max"], 0, 2),
    ),
  Concatenate: concatenated,
  ConvertToTensor: converted,
  Cos: unary(cos),
  Divide: binary(div),
  TrueDivide: binary(div),
  Einsum: (call) => {
    const text = call.json(["subscripts", "equation"], 0);
    const [a, b, ...more] = call.layer.inputs;
    if (typeof text !== "string" || a === undefined || b === undefined || more.length > 0)
      throw new LayerRefusal("an einsum of other than two values");
    return einsum(call.layer, text, a, b);
  },
  Elu: activation("elu"),
  Equal: binary(equal),
  Exp: unary(exp),
  ExpandDims: expanded,
  Floor: unary(floor),
  Gelu: (call) =>
    call.layer.emit(gelu, "result", [x(call)], { approximate: call.boolean(["approximate"], call.layer.isKeras3, 1) }),
  GetItem: item,
  Greater: binary(greater),
  GreaterEqual: binary(greaterEqual),
  HardSigmoid: activation("hardSigmoid"),
  HardSilu: activation("hardSilu"),
  Identity: (call) => x(call),
  LeakyRelu: (call) =>
    call.layer.emit(leakyRelu, "result", [x(call)], { alpha: call.number(["negative_slope", "alpha"], 0.2, 1) }),
  Less: binary(less),
  LessEqual: binary(lessEqual),
  Log: unary(log),
  LogSoftmax: (call) => {
    const tensor = x(call);
    if (fromFront(call.number(["axis"], -1, 1), rankOf(call, tensor)) !== rankOf(call, tensor) - 1) {
      throw new LayerRefusal("log_softmax over another axis than the last");
    }
    return call.layer.emit(logSoftmax, "result", [tensor]);
  },
  LogicalAnd: binary(logicalAnd),
  LogicalNot: unary(logicalNot),
  LogicalOr: binary(logicalOr),
  Matmul: matmul,
  Max: reduction(reduceMax, keepDims),
  Maximum: binary(maximum),
  Mean: reduction(mean, keepDims),
  Min: reduction(reduceMin, keepDims),
  Minimum: binary(minimum),
  Mish: activation("mish"),
  Multiply: binary(mul),
  Negative: unary(neg),
  Normalize: normalized,
  NotEqual: binary(notEqual),
  Power: power,
  Prod: reduction(reduceProd, keepDims),
  Reciprocal: (call) => call.layer.emit(div, "result", [call.layer.scalar(1), x(call)]),
  Relu: activation("relu"),
  Relu6: activation("relu6"),
  Reshape: reshaped,
  Rsqrt: unary(rsqrt),
  Selu: activation("selu"),
  Sigmoid: activation("sigmoid"),
  Silu: activation("swish"),
  Sin: unary(sin),
  Softmax: softmaxed,
  Softplus: activation("softplus"),
  Softsign: activation("softsign"),
  Split: parted,
  Sqrt: unary(sqrt),
  Square: unary(square),
  SquaredDifference: binary(squaredDifference),
  Squeeze: squeezed,
  Stack: stacked,
  StopGradient: (call) => x(call),
  Subtract: binary(sub),
  Sum: reduction(sum, keepDims),
  Swapaxes: swapped,
  Take: picked,
  Tanh: activation("tanh"),
  Tile: (call) => {
    const tensor = x(call);
    const times = call.integers(["repeats", "multiples"], 1) ?? [];
    const rank = rankOf(call, tensor);
    if (times.length > rank) throw new LayerRefusal("it adds axes while it repeats");
    const all = [...new Array<number>(rank - times.length).fill(1), ...times];
    return call.layer.emit(tile, "result", [tensor, call.layer.integers("times", [rank], all)]);
  },
  Transpose: transposed,
  Unstack: unstacked,
  Where: (call) =>
    call.layer.emit(selectV2, "result", [
      call.operand(["condition"], 0),
      call.operand(["x1", "x"], 1),
      call.operand(["x2", "y"], 2),
    ]),
};

function operationName({ className, module = "", config }: LayerSpec): string | undefined {
  if (className === "TFOpLambda" || className === "SlicingOpLambda") {
    const name = config.string("function", "");
    return tensorflowFunctions.get(name) ?? `tf.${name}`;
  }
  return /^keras\.(src\.)?ops\b/.test(module) ? className : undefined;
}

/** Undefined for what is no operation. One that is not converted is a lowering that refuses by its name. */
export function operationLoweringOf(layer: LayerSpec): LayerLowering | undefined {
  const name = operationName(layer);
  if (name === undefined) return undefined;
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  return {
    classNames: [name],
    arity: "any",
    refuses: () => (operation ? undefined : `the operation ${name} is not converted`),
    lower: (builder) => (operation ? operation(new OperationCall(builder)) : builder.inputs),
  };
}
