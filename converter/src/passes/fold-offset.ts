/**
 * A constant added behind an affine operator goes into its bias:
 *
 *     y = ADD(CONV_2D(x, w, b), c)   →   y = CONV_2D(x, w, b + c)          likewise SUB(…, c)
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { add } from "../ops/add.ts";
import { sub } from "../ops/sub.ts";
import { affineOf, biasOf, isLinear, perChannel, withOperands } from "./affine.ts";
import { carries, fusedOf } from "./fold-scale.ts";
import type { Pass } from "./pass.ts";

/** [value, constant, sign] in the orders in which they may stand. */
function candidates(node: Node): readonly (readonly [TensorId, TensorId, 1 | -1])[] {
  const [a, b] = node.inputs;
  if (a === undefined || b === undefined || a === null || b === null) return [];
  if (add.is(node)) return [[a, b, 1], [b, a, 1]]; // biome-ignore format: a table
  return sub.is(node) ? [[a, b, -1]] : [];
}

export const foldOffset: Pass = {
  name: "fold-offset",
  run: (graph) => {
    for (const node of graph.nodes()) {
      for (const [value, constant, sign] of candidates(node)) {
        const affine = affineOf(graph, graph.soleProducerOf(value, node));
        const offsets = affine && perChannel(graph, constant, affine.channels);
        if (!affine || !offsets || !isLinear(affine.node) || !carries(affine.node, node)) continue;
        if (graph.shapeOf(node.outputs[0]!).length !== graph.shapeOf(value).length) continue;
        const bias = biasOf(graph, affine).map((b, channel) => b + sign * offsets[channel]!);
        const folded = withOperands(graph, affine, { bias, biasName: `${node.name}/bias`, outputs: node.outputs });
        graph.remove(affine.node);
        graph.replace(node, { ...folded, attributes: { ...folded.attributes, ...fusedOf(node) } });
        break;
      }
    }
  },
};
