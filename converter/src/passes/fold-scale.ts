/**
 * A constant factor behind an affine operator goes into its weights and bias:
 *
 *     y = MUL(CONV_2D(x, w, b), c)   →   y = CONV_2D(x, w·c, b·c)          likewise DIV(…, c) with 1/c
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { div } from "../ops/div.ts";
import { mul } from "../ops/mul.ts";
import { opOf } from "../ops/registry.ts";
import { affineOf, biasOf, isLinear, perChannel, scaledWeights, withOperands } from "./affine.ts";
import type { Pass } from "./pass.ts";

/** [value, factor, power] in the orders in which they may stand. */
function candidates(node: Node): readonly (readonly [TensorId, TensorId, 1 | -1])[] {
  const [a, b] = node.inputs;
  if (a === undefined || b === undefined || a === null || b === null) return [];
  if (mul.is(node)) return [[a, b, 1], [b, a, 1]]; // biome-ignore format: a table
  return div.is(node) ? [[a, b, -1]] : [];
}

export const foldScale: Pass = {
  name: "fold-scale",
  run: (graph) => {
    for (const node of graph.nodes()) {
      for (const [value, factor, power] of candidates(node)) {
        const affine = affineOf(graph, graph.soleProducerOf(value, node));
        const factors = affine && perChannel(graph, factor, affine.channels);
        if (!affine || !factors || !isLinear(affine.node) || !carries(affine.node, node)) continue;
        if (graph.shapeOf(node.outputs[0]!).length !== graph.shapeOf(value).length) continue;
        const scale = power === 1 ? factors : factors.map((c) => 1 / c);
        if (!scale.every(Number.isFinite)) continue;
        const folded = withOperands(graph, affine, {
          weights: scaledWeights(graph, affine, scale),
          bias: biasOf(graph, affine).map((b, channel) => b * scale[channel]!),
          biasName: `${node.name}/bias`,
          outputs: node.outputs,
        });
        graph.remove(affine.node);
        graph.replace(node, { ...folded, attributes: { ...folded.attributes, ...fusedOf(node) } });
        break;
      }
    }
  },
};

/** What the folded node clamped, the affine one clamps now. */
export const fusedOf = (node: Node) => ({
  fusedActivationFunction: node.attributes.fusedActivationFunction ?? "NONE",
});

/** Can `affine` clamp what `node` clamps? */
export function carries(affine: Node, node: Node): boolean {
  const { fusedActivationFunction } = fusedOf(node);
  const can: readonly unknown[] = opOf(affine.kind)?.fusedActivations ?? [];
  return fusedActivationFunction === "NONE" || can.includes(fusedActivationFunction);
}
