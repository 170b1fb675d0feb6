/**
 * FULLY_CONNECTED flattens its operand into rows itself:
 *
 *     FULLY_CONNECTED(RESHAPE(x[N, H, W, C], [N, H·W·C]), w)   →   FULLY_CONNECTED(x, w)
 */
import { fullyConnected } from "../ops/fully-connected.ts";
import { reshape } from "../ops/reshape.ts";
import type { Pass } from "./pass.ts";

export const flattenIntoFullyConnected: Pass = {
  name: "flatten-into-fully-connected",
  run: (graph) => {
    for (const node of graph.nodes()) {
      if (!fullyConnected.is(node) || fullyConnected.attributesOf(node).keepNumDims) continue;
      const flat = graph.producerOf(node.inputs[0]);
      const source = flat?.inputs[0];
      if (!reshape.is(flat) || typeof source !== "number") continue;
      // The result must be told by the operand before the reshape as well: one size may be open, the first.
      const shape = graph.shapeOf(source);
      if (shape.length < 2 || shape.lastIndexOf(-1) > 0) continue;
      graph.replace(node, { ...node, inputs: [source, ...node.inputs.slice(1)] });
    }
  },
};
