/** The numbers of a BATCH_NORM node per channel, in double precision: y = (x − mean)·scale + beta. */
import type { Node } from "../ir/graph.ts";
import { batchNorm } from "../ops/batch-norm.ts";
import { floatsOf } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";

export interface BatchNormFactors {
  readonly scale: Float64Array;
  readonly mean: Float64Array;
  readonly beta: Float64Array;
}

/** Undefined when an operand is not constant. */
export function batchNormFactors(graph: GraphRewrite, node: Node): BatchNormFactors | undefined {
  const [, gammaId, betaId, meanId, varianceId] = node.inputs;
  const mean = floatsOf(graph, meanId)?.();
  const variance = floatsOf(graph, varianceId)?.();
  const gamma = gammaId === null ? null : floatsOf(graph, gammaId)?.();
  const beta = betaId === null ? null : floatsOf(graph, betaId)?.();
  if (!mean || !variance || gamma === undefined || beta === undefined) return undefined;
  const { epsilon } = batchNorm.attributesOf(node);
  return {
    scale: Float64Array.from(variance, (v, channel) => (gamma ? gamma[channel]! : 1) / Math.sqrt(v + epsilon)),
    mean: Float64Array.from(mean),
    beta: beta ? Float64Array.from(beta) : new Float64Array(mean.length),
  };
}
