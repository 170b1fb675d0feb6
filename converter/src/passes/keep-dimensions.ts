/**
 * Operators that can keep their dimensions do, instead of a reshape behind them:
 *
 *     RESHAPE(MEAN(x, axes), [N, 1, 1, C])   →   MEAN(x, axes) with keepDims
 *     RESHAPE(FULLY_CONNECTED(x[B, S, in]), [B, S, out])   →   FULLY_CONNECTED(x) with keepNumDims
 */
import type { Node, Shape } from "../ir/graph.ts";
import { fullyConnected } from "../ops/fully-connected.ts";
import { operandsOf } from "../ops/graph-facts.ts";
import { opOf } from "../ops/registry.ts";
import { reshape } from "../ops/reshape.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";

export const keepDimensions: Pass = {
  name: "keep-dimensions",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const maker = reshape.is(node) ? graph.soleProducerOf(node.inputs[0], node) : undefined;
      const [output] = node.outputs;
      if (!maker || output === undefined || maker.outputs.length !== 1) continue;
      const kept = keeping(graph, maker, graph.shapeOf(output));
      if (!kept) continue;
      graph.remove(maker);
      graph.replace(node, { ...kept, outputs: node.outputs });
    }
  },
};

/** The node with its dimensions kept, if its result has that shape then. */
function keeping(graph: GraphRewrite, node: Node, shape: Shape): Node | undefined {
  const name = fullyConnected.is(node) ? "keepNumDims" : "keepDims";
  const op = opOf(node.kind);
  if (!op || node.attributes[name] !== false) return undefined;
  const [first, second] = node.inputs;
  if (typeof first !== "number" || typeof second !== "number" || graph.shapeOf(first).length < 2) return undefined;
  if (name === "keepNumDims" && graph.shapeOf(first).at(-1) !== graph.shapeOf(second)[1]) return undefined;
  const kept = { ...node, attributes: { ...node.attributes, [name]: true } };
  const [result] = op.infer(operandsOf(graph, kept), kept.attributes);
  const same = result?.shape.length === shape.length && result.shape.every((size, axis) => size === shape[axis]);
  return same && !shape.slice(1).includes(-1) ? kept : undefined;
}
