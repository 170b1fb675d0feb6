/**
 * Rows divided by their length become one operator. With s = SUM(SQUARE(x)) over the last axis, and ε up to 1e-6, below
 * which the kernel takes a row for zero (`tflite/kernels/l2norm.cc`):
 *
 *     DIV(x, SQRT(s))   MUL(x, RSQRT(s))   MUL(x, RSQRT(MAXIMUM(s, ε)))   DIV(x, MAXIMUM(SQRT(s), ε))   →   L2_NORMALIZATION(x)
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { div } from "../ops/div.ts";
import { l2Normalization } from "../ops/l2-normalization.ts";
import { maximum } from "../ops/maximum.ts";
import { mul } from "../ops/mul.ts";
import { rsqrt } from "../ops/rsqrt.ts";
import { sqrt } from "../ops/sqrt.ts";
import { square } from "../ops/square.ts";
import { sum } from "../ops/sum.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { bothOrders, reducesLastAxis, scalarOf } from "./scalars.ts";

/** Of the squares; the kernel's own. */
const epsilon = 1e-6;

export const recognizeL2Normalization: Pass = {
  name: "recognize-l2-normalization",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const orders = mul.is(node) ? bothOrders(node) : div.is(node) ? bothOrders(node).slice(0, 1) : [];
      if (!isLinear(node)) continue;
      for (const [x, length] of orders) {
        if (graph.tensor(x).dtype !== "float32" || !isLength(graph, length, x, mul.is(node))) continue;
        const { name, outputs } = node;
        graph.replace(node, l2Normalization.node({ name, inputs: [x], outputs }));
        break;
      }
    }
  },
};

/** The length of the rows of x, or its reciprocal. */
function isLength(graph: GraphRewrite, id: TensorId, x: TensorId, reciprocal: boolean): boolean {
  const outer = graph.producerOf(id);
  const root = reciprocal ? outer : withoutFloor(graph, outer, Math.sqrt(epsilon));
  if (!(reciprocal ? rsqrt.is(root) : sqrt.is(root))) return false;
  const total = withoutFloor(graph, graph.producerOf(root?.inputs[0]), epsilon);
  if (!sum.is(total) || !reducesLastAxis(graph, total)) return false;
  const squares = graph.producerOf(total.inputs[0]);
  if (square.is(squares)) return squares.inputs[0] === x;
  return mul.is(squares) && isLinear(squares) && squares.inputs.every((one) => one === x);
}

/** What stands under a MAXIMUM with a constant of at most `most`. */
function withoutFloor(graph: GraphRewrite, node: Node | undefined, most: number): Node | undefined {
  if (!maximum.is(node)) return node;
  for (const [value, floor] of bothOrders(node)) {
    const least = scalarOf(graph, floor);
    if (least !== undefined && least <= Math.fround(most)) return graph.producerOf(value);
  }
  return undefined;
}
