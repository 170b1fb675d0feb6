/**
 * Transposes that follow each other are one, and one that moves only axes of size 1 moves no element:
 *
 *     y = TRANSPOSE(TRANSPOSE(x, p), q)   →   y = TRANSPOSE(x, p[q])
 *     y = TRANSPOSE(x[1, 8, 1, 4], 0,2,1,3)   →   y = RESHAPE(x, [1, 1, 8, 4])
 */
import type { Node, Shape, TensorId } from "../ir/graph.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const mergeTransposes: Pass = {
  name: "merge-transposes",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const order = orderOf(graph, node);
      const [source] = node.inputs;
      const [output] = node.outputs;
      if (!order || typeof source !== "number" || output === undefined) continue;
      const before = graph.producerOf(source);
      const inner = before && orderOf(graph, before);
      const origin = before?.inputs[0];
      if (inner && typeof origin === "number") {
        const merged = order.map((axis) => inner[axis] ?? 0);
        graph.replace(node, transposed(graph, node, origin, merged));
      } else if (movesNothing(graph.shapeOf(source), order) && order.some((axis, i) => axis !== i)) {
        const shape = graph.shapeOf(output);
        const target = graph.addValues(`${node.name}/shape`, "int32", [shape.length], shape);
        const { name, outputs } = node;
        graph.replace(node, reshape.node({ name, inputs: [source, target], outputs, attributes: { newShape: shape } }));
      }
    }
  },
};

/** The permutation of a TRANSPOSE, if it is constant. */
function orderOf(graph: GraphRewrite, node: Node): readonly number[] | undefined {
  const order = transpose.is(node) ? integersOf(graph, node.inputs[1]) : undefined;
  return order && Array.from(order, (axis) => (axis < 0 ? axis + order.length : axis));
}

function transposed(graph: GraphRewrite, node: Node, x: TensorId, order: readonly number[]): Node {
  const permutation = graph.addValues(`${node.name}/order`, "int32", [order.length], order);
  return transpose.node({ name: node.name, inputs: [x, permutation], outputs: node.outputs });
}

/** Do the axes longer than 1 stay in their order? */
function movesNothing(shape: Shape, order: readonly number[]): boolean {
  const long = order.filter((axis) => shape[axis] !== 1);
  return !shape.includes(-1) && long.every((axis, i) => i === 0 || axis > (long[i - 1] ?? -1));
}
