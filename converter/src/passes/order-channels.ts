/**
 * Channels that are put in another order behind an affine operator come out of it in that order, activations between
 * them notwithstanding:
 *
 *     GATHER(RELU(CONV_2D(x, w, b)), order, last axis)   →   RELU(CONV_2D(x, w[order], b[order]))
 */
import { gather } from "../ops/gather.ts";
import { affineBehind, ordered } from "./ordered-affine.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const orderChannels: Pass = {
  name: "order-channels",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [value, indices] = node.inputs;
      if (!gather.is(node) || typeof value !== "number" || graph.isOutput(node.outputs[0]!)) continue;
      const order = integersOf(graph, indices);
      const { axis, batchDims } = gather.attributesOf(node);
      const rank = graph.shapeOf(value).length;
      const isLast = axis === -1 || axis === rank - 1;
      if (!order || !isLast || batchDims !== 0 || graph.shapeOf(node.outputs[0]!).length !== rank) continue;
      const affine = affineBehind(graph, value, node);
      if (affine?.channels !== order.length || new Set(order).size !== order.length) continue;
      graph.replace(affine.node, ordered(graph, affine, order));
      graph.bypass(node, value);
    }
  },
};
