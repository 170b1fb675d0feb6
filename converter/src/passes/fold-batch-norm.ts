/**
 * Batch normalisation behind an affine operator goes into its weights and bias:
 *
 *     y = BATCH_NORM(CONV_2D(x, w, b); γ, β, μ, σ², ε)   →   y = CONV_2D(x, w·s, (b − μ)·s + β)     s = γ / √(σ² + ε)
 */

import { batchNorm } from "../ops/batch-norm.ts";
import { affineOf, biasOf, isLinear, scaledWeights, withOperands } from "./affine.ts";
import { batchNormFactors } from "./batch-norm-factors.ts";
import type { Pass } from "./pass.ts";

export const foldBatchNorm: Pass = {
  name: "fold-batch-norm",
  run: (graph) => {
    for (const node of graph.nodes()) {
      if (!batchNorm.is(node)) continue;
      const affine = affineOf(graph, graph.soleProducerOf(node.inputs[0], node));
      const factors = batchNormFactors(graph, node);
      if (!affine || !factors || !isLinear(affine.node)) continue;
      const { scale, mean, beta } = factors;
      const bias = biasOf(graph, affine).map((b, channel) => (b - mean[channel]!) * scale[channel]! + beta[channel]!);
      const weights = scaledWeights(graph, affine, scale);
      const folded = withOperands(graph, affine, {
        weights,
        bias,
        biasName: `${node.name}/bias`,
        outputs: node.outputs,
      });
      graph.remove(affine.node);
      graph.replace(node, folded);
    }
  },
};
