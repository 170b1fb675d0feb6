/** Values that depend on attributes and shapes only. */

import { elementCount, type Shape, type TensorId } from "../../../ir/graph.ts";
import { lazyConstant } from "../../../ir/lazy-constant.ts";
import { bytesOf, valuesOf } from "../../../ir/values.ts";
import { fill } from "../../../ops/fill.ts";
import { range } from "../../../ops/range.ts";
import { toInt32 } from "../../lowering/to-int32.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { dtypeOfElement } from "../tensor.ts";
import { castTo } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

/** Constants that are spelt out stay below this; what asks for more is refused. */
const maxBytes = 2 ** 28;

export function constantOfBooleans(
  node: NodeBuilder,
  role: string,
  shape: Shape,
  at: (index: number) => boolean,
): TensorId {
  const count = elementCount(shape);
  if (count > maxBytes) throw node.refusal(`it needs a mask of ${count} elements`);
  const constant = lazyConstant(count, () => Uint8Array.from({ length: count }, (_, index) => (at(index) ? 1 : 0)));
  return node.constant(role, "bool", shape, constant);
}

const constant: OnnxLowering = {
  operators: ["Constant"],
  lower: (node) => {
    const tensor = node.tensor("value");
    if (tensor) {
      if (tensor.dtype === null) throw node.refusal("it is of a type that TFLite has not");
      return node.constant("", tensor.dtype, tensor.shape, tensor.constant);
    }
    if (node.has("value_float")) return node.floats32("", [node.float("value_float", 0)], []);
    if (node.has("value_int")) return node.integers("", [toInt32(node.int("value_int", 0))], []);
    const floats = node.floats("value_floats");
    if (floats) return node.floats32("", floats);
    const ints = node.ints("value_ints");
    if (ints) return node.integers("", ints.map(toInt32));
    throw node.refusal("it is text, or a sparse tensor");
  },
};

const constantOfShape: OnnxLowering = {
  operators: ["ConstantOfShape"],
  lower: (node) => {
    const value = node.tensor("value");
    const dtype = value ? value.dtype : "float32";
    if (dtype === null) throw node.refusal("it is of a type that TFLite has not");
    const known = node.graph.valuesOf(node.input(0));
    const [first = 0] = value ? Array.from(valuesOf(dtype, value.constant.bytes())) : [];
    if (!known) {
      if (dtype !== "float32" && dtype !== "int32") throw node.refusal("its shape is known only during a run");
      return node.emit(fill, "", [node.input(0), node.scalar("value", first, dtype)]);
    }
    const count = elementCount(known);
    if (known.some((size) => size < 0) || count * 4 > maxBytes)
      throw node.refusal(`it has the shape [${known.join(", ")}]`);
    const length = bytesOf(dtype, [first]).byteLength * count;
    return node.constant(
      "",
      dtype,
      known,
      lazyConstant(length, () => bytesOf(dtype, new Float64Array(count).fill(first))),
    );
  },
};

const shape: OnnxLowering = {
  operators: ["Shape"],
  lower: (node) => {
    const sizes = node.shape(node.input(0));
    return node.integers("", sizes.slice(node.int("start", 0), node.has("end") ? node.int("end", 0) : undefined));
  },
};

const size: OnnxLowering = {
  operators: ["Size"],
  lower: (node) => node.integers("", [elementCount(node.shape(node.input(0)))], []),
};

const rangeLowering: OnnxLowering = {
  operators: ["Range"],
  lower: (node) => {
    const operands = [node.input(0), node.input(1), node.input(2)];
    const [start, limit, delta] = operands.map((id) => node.graph.valuesOf(id)?.[0]);
    if (start === undefined || limit === undefined || delta === undefined) return node.emit(range, "", operands);
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    if (!(count * 4 <= maxBytes)) throw node.refusal(`it has ${count} elements`);
    const values = Float64Array.from({ length: count }, (_, at) => start + at * delta);
    return node.isFloat(node.input(0)) ? node.floats32("", values) : node.integers("", Array.from(values));
  },
};

const eyeLike: OnnxLowering = {
  operators: ["EyeLike"],
  lower: (node) => {
    const like = node.input(0);
    const [rows = 1, columns = 1] = node.shape(like);
    const k = node.int("k", 0);
    const dtype = node.has("dtype") ? dtypeOfElement(node.int("dtype", 1)) : node.dtype(like);
    if (dtype === null || rows * columns * 4 > maxBytes)
      throw node.refusal("it is too large, or of a type that TFLite has not");
    const ones = Float64Array.from({ length: rows * columns }, (_, at) =>
      (at % columns) - Math.floor(at / columns) === k ? 1 : 0,
    );
    if (dtype === "float32") return node.floats32("", ones, [rows, columns]);
    return castTo(node, "cast", node.integers("", Array.from(ones), [rows, columns]), dtype);
  },
};

export const constants: readonly OnnxLowering[] = [constant, constantOfShape, shape, size, rangeLowering, eyeLike];
