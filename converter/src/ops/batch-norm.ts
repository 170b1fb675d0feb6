/**
 * Batch normalisation with fixed statistics over the last axis: `gamma · (x - mean) / √(variance + epsilon) + beta`.
 * No TFLite operator: legal in imported graphs only, until it is folded into its neighbour.
 */

import { activation, defineOp, free, unsupported, weight } from "./define-op.ts";
import { lastAxisStays } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { need, refuse } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

export const batchNorm = defineOp({
  kind: "BATCH_NORM",
  code: -1,
  options: null,
  attributes: { epsilon: Math.fround(1e-3) },
  operands: [
    activation("input"),
    weight("gamma", { channelAxis: 0, optional: true }),
    weight("beta", { channelAxis: 0, optional: true }),
    weight("mean", { channelAxis: 0 }),
    weight("variance", { channelAxis: 0 }),
  ],
  results: [free],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const channels = input.shape.at(-1);
    for (const [i, name] of ["gamma", "beta", "mean", "variance"].entries()) {
      const operand = i < 2 ? inputs[i + 1] : need(inputs, i + 1, name);
      if (operand && (operand.shape.length !== 1 || operand.shape[0] !== channels))
        throw refuse(`"${name}" has the shape [${operand.shape.join(", ")}] for ${channels} channels.`);
    }
    return [{ dtype: input.dtype, shape: input.shape }];
  },
  evaluate: unsupported("it is folded away, never evaluated"),
  layout: lastAxisStays,
  raise: unsupported("it is folded away before"),
  int8: unsupported("it is folded away before quantization"),
  version: always1,
  minRuntime: {},
  fusedActivations: [],
  macs: noMacs,
  notes: ["Operands: input, gamma?, beta?, mean, variance."],
});
