/**
 * Batch normalisation that found no affine operator in front of it:
 *
 *     y = BATCH_NORM(x; γ, β, μ, σ², ε)   →   y = ADD(MUL(x, s), β − μ·s)     s = γ / √(σ² + ε)
 */
import { add } from "../ops/add.ts";
import { batchNorm } from "../ops/batch-norm.ts";
import { mul } from "../ops/mul.ts";
import { batchNormFactors } from "./batch-norm-factors.ts";
import type { Pass } from "./pass.ts";

export const splitBatchNorm: Pass = {
  name: "split-batch-norm",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const factors = batchNorm.is(node) ? batchNormFactors(graph, node) : undefined;
      const [x] = node.inputs;
      if (!factors || x === undefined || x === null) continue;
      const { scale, mean, beta } = factors;
      const shape = [scale.length];
      const { name } = node;
      const { dtype, shape: resultShape } = graph.tensor(x);
      const scaled = graph.addTensor({ name: `${name}/scaled`, dtype, shape: resultShape });
      const factor = graph.addValues(`${name}/scale`, "float32", shape, scale);
      const offsets = beta.map((b, channel) => b - mean[channel]! * scale[channel]!);
      const offset = graph.addValues(`${name}/offset`, "float32", shape, offsets);
      graph.replace(
        node,
        mul.node({ name: `${name}/scale`, inputs: [x, factor], outputs: [scaled] }),
        add.node({ name: `${name}/offset`, inputs: [scaled, offset], outputs: node.outputs }),
      );
    }
  },
};
