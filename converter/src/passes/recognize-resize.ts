/**
 * Pixels repeated by broadcasting are a resize to the nearest neighbour:
 *
 *     RESHAPE(TILE(RESHAPE(x[N,H,W,C], [N,H,1,W,1,C]), [1,1,s,1,t,1]), [N,H·s,W·t,C])   →   RESIZE_NEAREST_NEIGHBOR(x, [H·s, W·t])
 *
 * likewise by BROADCAST_TO, and by MUL with ones.
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { broadcastTo } from "../ops/broadcast-to.ts";
import { mul } from "../ops/mul.ts";
import { reshape } from "../ops/reshape.ts";
import { resizeNearestNeighbor } from "../ops/resize-nearest-neighbor.ts";
import { tile } from "../ops/tile.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { bothOrders, scalarOf } from "./scalars.ts";

export const recognizeResize: Pass = {
  name: "recognize-resize",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const repeated = reshape.is(node) ? graph.producerOf(node.inputs[0]) : undefined;
      const spread = repeated && graph.producerOf(repeatedValue(graph, repeated));
      const [x] = spread?.inputs ?? [];
      const [output] = node.outputs;
      if (!repeated || !reshape.is(spread) || typeof x !== "number" || output === undefined) continue;
      const [apart] = spread.outputs;
      const [wide] = repeated.outputs;
      if (apart === undefined || wide === undefined || !isEnlarged(graph, { x, apart, wide, output })) continue;
      const [, height = 1, width = 1] = graph.shapeOf(output);
      const size = graph.addValues(`${node.name}/size`, "int32", [2], [height, width]);
      graph.replace(node, resizeNearestNeighbor.node({ name: node.name, inputs: [x, size], outputs: node.outputs }));
    }
  },
};

/** What a node repeats along axes of size 1. */
function repeatedValue(graph: GraphRewrite, node: Node): TensorId | null | undefined {
  if (tile.is(node) || broadcastTo.is(node)) return node.inputs[0];
  if (!mul.is(node) || !isLinear(node)) return undefined;
  return bothOrders(node).find(([, ones]) => scalarOf(graph, ones) === 1)?.[0];
}

function isEnlarged(
  graph: GraphRewrite,
  { x, apart, wide, output }: { x: TensorId; apart: TensorId; wide: TensorId; output: TensorId },
): boolean {
  const [n, h, w, c, ...more] = graph.shapeOf(x);
  const [, , s, , t] = graph.shapeOf(wide);
  if (more.length > 0 || c === undefined || h === undefined || w === undefined || !s || !t || s < 1 || t < 1)
    return false;
  const is = (id: TensorId, ...shape: (number | undefined)[]) => graph.shapeOf(id).join() === shape.join();
  return is(apart, n, h, 1, w, 1, c) && is(wide, n, h, s, w, t, c) && is(output, n, h * s, w * t, c);
}
