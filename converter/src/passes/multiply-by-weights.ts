/**
 * Products with a constant matrix become the operator made for them, and transposes of the last two axes a flag:
 *
 *     BATCH_MATMUL(x[…, in], w[in, out])   →   FULLY_CONNECTED(x, wᵀ[out, in]) with keepNumDims
 *     BATCH_MATMUL(x, TRANSPOSE(y, …, i+1, i))   →   BATCH_MATMUL(x, y) with adjY             likewise x with adjX
 *     TRANSPOSE(BATCH_MATMUL(x, y), …, i+1, i)   →   BATCH_MATMUL(y, x) with both
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { permuteElements } from "../ir/permute-elements.ts";
import { batchMatmul } from "../ops/batch-matmul.ts";
import { fullyConnected } from "../ops/fully-connected.ts";
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const multiplyByWeights: Pass = {
  name: "multiply-by-weights",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const product = turnedProduct(graph, node);
      if (product) graph.replace(node, product);
      if (!batchMatmul.is(node)) continue;
      const flagged = withFlags(graph, node);
      const matrix = byMatrix(graph, flagged);
      if (matrix ?? (flagged !== node && flagged)) graph.replace(node, matrix ?? flagged);
    }
  },
};

function withFlags(graph: GraphRewrite, node: Node): Node {
  const { adjX, adjY } = batchMatmul.attributesOf(node);
  const [a, b] = node.inputs.map((id) => untransposed(graph, id));
  if (a === undefined && b === undefined) return node;
  const inputs = node.inputs.map((id, at) => [a, b][at] ?? id);
  const attributes = { ...node.attributes, adjX: adjX !== (a !== undefined), adjY: adjY !== (b !== undefined) };
  return { ...node, inputs, attributes };
}

/** (x·y)ᵀ = yᵀ·xᵀ, if the product as it was is used for nothing else. */
function turnedProduct(graph: GraphRewrite, node: Node): Node | undefined {
  const [output] = node.outputs;
  const maker = transpose.is(node) ? graph.soleProducerOf(node.inputs[0], node) : undefined;
  if (output === undefined || !batchMatmul.is(maker) || untransposed(graph, output) === undefined) return undefined;
  const { adjX, adjY } = batchMatmul.attributesOf(maker);
  const { attributes, inputs } = maker;
  if (inputs.some((id) => id !== null && graph.tensor(id).constant)) return undefined; // weights are the second operand
  return {
    ...maker,
    name: node.name,
    inputs: [...inputs].reverse(),
    outputs: [output],
    attributes: { ...attributes, adjX: !adjY, adjY: !adjX },
  };
}

/** What a transpose of the last two axes was made of. */
function untransposed(graph: GraphRewrite, id: TensorId | null): TensorId | undefined {
  const node = graph.producerOf(id);
  const [source] = node?.inputs ?? [];
  const order = transpose.is(node) ? integersOf(graph, node.inputs[1]) : undefined;
  if (!order || typeof source !== "number") return undefined;
  const rank = order.length;
  const swapped = order.every((axis, at) => axis === (at < rank - 2 ? at : 2 * rank - 3 - at));
  return swapped ? source : undefined;
}

function byMatrix(graph: GraphRewrite, node: Node): Node | undefined {
  const [x, w] = node.inputs;
  const [output] = node.outputs;
  const { adjX, adjY } = batchMatmul.attributesOf(node);
  if (typeof x !== "number" || typeof w !== "number" || output === undefined || adjX) return undefined;
  const { shape, dtype, constant, name } = graph.tensor(w);
  const isMatrix = shape.length >= 2 && shape.slice(0, -2).every((size) => size === 1);
  if (!constant || dtype !== "float32" || !isMatrix || shape.length > graph.shapeOf(x).length) return undefined;
  const matrix = shape.slice(-2);
  const weights = adjY
    ? graph.addConstant(name, dtype, matrix, constant)
    : graph.addConstant(
        name,
        dtype,
        [...matrix].reverse(),
        lazyConstant(constant.byteLength, () => permuteElements(constant.bytes(), matrix, [1, 0])),
      );
  const attributes = { keepNumDims: true };
  return fullyConnected.node({ name: node.name, inputs: [x, weights], outputs: node.outputs, attributes });
}
