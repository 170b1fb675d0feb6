/**
 * QuantizeLinear and DequantizeLinear. Weights become the floats that they stand for; activations are rounded in float32
 * exactly as the source rounds them, so that a quantized model is proven like any other and can be quantized anew.
 */
import { elementCount, type TensorId } from "../../../ir/graph.ts";
import { lazyConstant } from "../../../ir/lazy-constant.ts";
import { bytesOf, valuesOf } from "../../../ir/values.ts";
import { add } from "../../../ops/add.ts";
import { cast } from "../../../ops/cast.ts";
import { div } from "../../../ops/div.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { round } from "../../../ops/round.ts";
import { sub } from "../../../ops/sub.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { dtypeOfElement } from "../tensor.ts";
import { castTo, reshaped } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

/** Scale or zero point as a float operand that meets `x`: one number, or one per index of an axis. */
function alongAxis(node: NodeBuilder, role: string, id: TensorId, x: TensorId): TensorId {
  const count = elementCount(node.shape(id));
  const float = castTo(node, `${role}/float`, id, "float32");
  if (count === 1) return reshaped(node, role, float, []);
  const shape = node.shape(x);
  const axis = node.axis(node.int("axis", 1), shape.length);
  if (node.rank(id) !== 1 || shape[axis] !== count) throw node.refusal("its scales are per block");
  return reshaped(
    node,
    role,
    float,
    shape.map((size, at) => (at === axis ? size : 1)),
  );
}

const dequantize: OnnxLowering = {
  operators: ["DequantizeLinear"],
  lower: (node) => {
    const [x, scale] = [node.input(0), node.input(1)];
    if (node.int("block_size", 0) !== 0) throw node.refusal("its scales are per block");
    const zero = node.optional(2);
    const constant = constantOf(node, x, scale, zero);
    if (constant !== undefined) return constant;
    // Straight from a QuantizeLinear the rounded floats are there already.
    const producer = node.graph.producerOf(x);
    const [before] = cast.is(producer) ? producer.inputs : [];
    const floats =
      before !== undefined && before !== null && node.isFloat(before) ? before : castTo(node, "float", x, "float32");
    const centred = zero === null ? floats : node.emit(sub, "centred", [floats, alongAxis(node, "zero", zero, x)]);
    return node.emit(mul, "", [centred, alongAxis(node, "scale", scale, x)]);
  },
};

/** Quantized weights as floats, computed when they are asked for. */
function constantOf(node: NodeBuilder, x: TensorId, scale: TensorId, zero: TensorId | null): TensorId | undefined {
  const { constant, dtype, shape } = node.graph.tensor(x);
  const scales = node.graph.valuesOf(scale);
  const zeros = zero === null ? [0] : node.graph.valuesOf(zero);
  if (!constant || !scales || !zeros || (dtype !== "int8" && dtype !== "uint8" && dtype !== "int32")) return undefined;
  const axis = scales.length === 1 ? 0 : node.axis(node.int("axis", 1), shape.length);
  const step = elementCount(shape.slice(axis + 1));
  const size = shape[axis] ?? 1;
  if (scales.length !== 1 && scales.length !== size) throw node.refusal("its scales are per block");
  const compute = (): Uint8Array =>
    bytesOf(
      "float32",
      Float32Array.from(valuesOf(dtype, constant.bytes()), (value, at) => {
        const place = scales.length === 1 ? 0 : Math.floor(at / step) % size;
        return Math.fround(value - (zeros[zeros.length === 1 ? 0 : place] ?? 0)) * (scales[place] ?? 1);
      }),
    );
  return node.constant("float", "float32", shape, lazyConstant(elementCount(shape) * 4, compute));
}

const quantize: OnnxLowering = {
  operators: ["QuantizeLinear"],
  lower: (node) => {
    const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)];
    if (node.int("block_size", 0) !== 0) throw node.refusal("its scales are per block");
    const named = node.int("output_dtype", 0);
    const dtype = zero !== null ? node.dtype(zero) : named === 0 ? "uint8" : dtypeOfElement(named);
    if (dtype !== "int8" && dtype !== "uint8") throw node.refusal("it quantizes to another type than int8 and uint8");
    const steps = node.emit(round, "rounded", [node.emit(div, "steps", [x, alongAxis(node, "scale", scale, x)])]);
    const moved = zero === null ? steps : node.emit(add, "moved", [steps, alongAxis(node, "zero", zero, x)]);
    const [least, most] = dtype === "int8" ? [-128, 127] : [0, 255];
    const above = node.emit(maximum, "least", [moved, node.scalar("low", least)]);
    return castTo(node, "", node.emit(minimum, "most", [above, node.scalar("high", most)]), dtype);
  },
};

export const quantizations: readonly OnnxLowering[] = [dequantize, quantize];
