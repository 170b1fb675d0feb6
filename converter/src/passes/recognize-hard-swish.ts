/**
 * Hard swish that is spelt out becomes one operator, in whatever order its product is taken:
 *
 *     MUL(x, MUL(RELU6(ADD(x, 3)), 1/6))   DIV(MUL(x, RELU6(ADD(x, 3))), 6)   →   HARD_SWISH(x)
 */
import type { TensorId } from "../ir/graph.ts";
import { add } from "../ops/add.ts";
import { div } from "../ops/div.ts";
import { hardSwish } from "../ops/hard-swish.ts";
import { mul } from "../ops/mul.ts";
import { relu6 } from "../ops/relu6.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { bothOrders, isAbout, sameShape, scalarOf } from "./scalars.ts";

/** Values multiplied with each other, and a number. */
interface Product {
  readonly values: readonly TensorId[];
  readonly factor: number;
}

export const recognizeHardSwish: Pass = {
  name: "recognize-hard-swish",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [output] = node.outputs;
      if (!(mul.is(node) || div.is(node)) || output === undefined) continue;
      const { values, factor } = productOf(graph, output, 0);
      const [a, b] = values;
      if (a === undefined || b === undefined || values.length !== 2 || !isAbout(factor, 1 / 6)) continue;
      const x = isClamped(graph, b, a) ? a : isClamped(graph, a, b) ? b : undefined;
      if (x === undefined || !sameShape(graph, x, output)) continue;
      graph.replace(node, hardSwish.node({ name: node.name, inputs: [x], outputs: node.outputs }));
    }
  },
};

/** The product that the tensor is, down to three multiplications. */
function productOf(graph: GraphRewrite, id: TensorId, depth: number): Product {
  const number = scalarOf(graph, id);
  if (number !== undefined) return { values: [], factor: number };
  const node = graph.producerOf(id);
  const [a, b] = node?.inputs ?? [];
  if (!node || depth === 3 || typeof a !== "number" || typeof b !== "number" || !isLinear(node)) {
    return { values: [id], factor: 1 };
  }
  if (mul.is(node)) {
    const [left, right] = [productOf(graph, a, depth + 1), productOf(graph, b, depth + 1)];
    return { values: [...left.values, ...right.values], factor: left.factor * right.factor };
  }
  const divisor = div.is(node) ? scalarOf(graph, b) : undefined;
  if (divisor === undefined) return { values: [id], factor: 1 };
  const { values, factor } = productOf(graph, a, depth + 1);
  return { values, factor: factor / divisor };
}

/** Is `id` RELU6(x + 3), as two nodes or one? */
function isClamped(graph: GraphRewrite, id: TensorId, x: TensorId): boolean {
  const node = graph.producerOf(id);
  const fused = add.is(node) && node.attributes.fusedActivationFunction === relu6.fusesAs;
  const sum = relu6.is(node) ? graph.producerOf(node.inputs[0]) : fused ? node : undefined;
  if (!add.is(sum) || (!fused && !isLinear(sum))) return false;
  return bothOrders(sum).some(([value, three]) => value === x && scalarOf(graph, three) === 3);
}
