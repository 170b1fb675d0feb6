/** Matrix products. A constant right operand is FULLY_CONNECTED's weights, [out, in]; else it is BATCH_MATMUL. */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchMatmul } from "../../../ops/batch-matmul.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { applyFused, fusedBias } from "./fused-operators.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

export interface Product {
  readonly a: TensorId;
  readonly b: TensorId;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly bias?: TensorId | null;
}

/** Swaps the last two axes. */
export const swapped = (rank: number): readonly number[] =>
  Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));

export function multiply(node: NodeLowering, { a, b, transposeA, transposeB, bias = null }: Product): TensorId {
  if (node.dtypeOf(a) !== "float32") throw new NodeRefusal("products of integers are not converted");
  const weights = node.builder.isConstant(b) && node.rankOf(b) === 2 && node.rankOf(a) >= 2;
  if (weights) {
    const rows = transposeA ? node.permuted(a, swapped(node.rankOf(a)), "rows") : a;
    const units = transposeB ? b : node.permuted(b, [1, 0], "weights");
    const keepNumDims = node.rankOf(rows) > 2;
    return node.emit(fullyConnected, [rows, units, bias], { keepNumDims });
  }
  const product = node.emit(batchMatmul, [a, b], { adjX: transposeA, adjY: transposeB });
  return bias === null ? product : node.emit(add, [product, bias], {}, "biased");
}

const matMul: TfLowering = {
  ops: ["MatMul", "_FusedMatMul"],
  lower: (node) => {
    const [a, b] = [node.input(0), node.input(1)];
    for (const operand of [a, b]) node.shapeOfRank(operand, 2);
    const [transposeA, transposeB] = [node.boolAttr("transpose_a"), node.boolAttr("transpose_b")];
    return applyFused(node, multiply(node, { a, b, transposeA, transposeB, bias: fusedBias(node) }));
  },
};

const batchMatMul: TfLowering = {
  ops: ["BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "_FusedBatchMatMulV2"],
  lower: (node) => {
    if (node.stringsAttr("fused_ops")?.length) throw new NodeRefusal("fused operators behind it are not converted");
    const [transposeA, transposeB] = [node.boolAttr("adj_x"), node.boolAttr("adj_y")];
    return multiply(node, { a: node.input(0), b: node.input(1), transposeA, transposeB });
  },
};

export const matrixLowerings: readonly TfLowering[] = [matMul, batchMatMul];
