/**
 * MatMul and Gemm. With constant weights on the right they are FULLY_CONNECTED, which runs fastest and quantizes; else
 * BATCH_MATMUL, which broadcasts and transposes by itself.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { elementCount } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import { mul } from "../../../ops/mul.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { castTo, reshaped, transposed } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

/** `a · b` of ONNX's MatMul: vectors on either side, matrices in batches that broadcast. */
export function product(node: NodeBuilder, role: string, a: TensorId, b: TensorId): TensorId {
  const [left, right] = [node.shape(a), node.shape(b)];
  if (left.length === 0 || right.length === 0) throw node.refusal("it multiplies a number");
  if (left.length === 1) {
    const row = reshaped(node, `${role}/row`, a, [1, left[0] ?? 1]);
    const result = product(node, `${role}/matrix`, row, b);
    return reshaped(node, `${role}/vector`, result, node.shape(result).toSpliced(-2 + (right.length === 1 ? 1 : 0), 1));
  }
  if (right.length === 1) {
    const result = product(node, `${role}/matrix`, a, reshaped(node, `${role}/column`, b, [right[0] ?? 1, 1]));
    return reshaped(node, `${role}/vector`, result, left.slice(0, -1));
  }
  if (right.length === 2 && node.graph.isConstant(b) && node.isFloat(b)) {
    const weights = transposed(node, `${role}/weights`, b, [1, 0]);
    return node.emit(fullyConnected, role, [a, weights, null], { keepNumDims: left.length > 2 });
  }
  return node.emit(batchMatmul, role, [a, b]);
}

const matmul: OnnxLowering = {
  operators: ["MatMul"],
  lower: (node) => {
    const [a, b] = [node.input(0), node.input(1)];
    if (node.isFloat(a)) return product(node, "product", a, b);
    const floats = product(node, "product", castTo(node, "a", a, "float32"), castTo(node, "b", b, "float32"));
    return castTo(node, "", floats, node.dtype(a));
  },
};

/** `alpha · A′ · B′ + beta · C` */
const gemm: OnnxLowering = {
  operators: ["Gemm"],
  lower: (node) => {
    const [a, b] = [node.input(0), node.input(1)];
    const [alpha, beta] = [node.float("alpha", 1), node.float("beta", 1)];
    const [adjX, adjY] = [node.flag("transA", false), node.flag("transB", false)];
    const c = node.optional(2);
    const left = adjX ? transposed(node, "a", a, [1, 0]) : a;
    const scaled = (role: string, x: TensorId, factor: number): TensorId =>
      factor === 1 ? x : node.emit(mul, role, [x, node.scalar(`${role}/factor`, factor)]);
    if (node.graph.isConstant(b)) {
      const weights = adjY ? b : transposed(node, "weights", b, [1, 0]);
      const [units = 1] = node.shape(weights);
      const own = c !== null && node.graph.isConstant(c) && elementCount(node.shape(c)) === units && isRow(node, c);
      if (own && alpha === 1 && beta === 1) {
        return node.emit(fullyConnected, "dense", [left, weights, reshaped(node, "bias", c, [units])]);
      }
      const result = scaled("alpha", node.emit(fullyConnected, "dense", [left, weights, null]), alpha);
      return c === null ? result : node.emit(add, "", [result, scaled("beta", c, beta)]);
    }
    const result = scaled("alpha", node.emit(batchMatmul, "product", [a, b], { adjX, adjY }), alpha);
    return c === null ? result : node.emit(add, "", [result, scaled("beta", c, beta)]);
  },
};

const isRow = (node: NodeBuilder, id: TensorId): boolean =>
  node
    .shape(id)
    .slice(0, -1)
    .every((size) => size === 1);

export const products: readonly OnnxLowering[] = [matmul, gemm];
