/** One step of a plain recurrent cell. */
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { hybridVersion, recurrentMacs } from "./recurrent.ts";
import { needRank } from "./refuse.ts";

export const rnn = defineOp({
  kind: "RNN",
  code: 24,
  options: "RNNOptions",
  attributes: optionsOf("RNNOptions"),
  operands: [
    activation("input"),
    weight("weights", { channelAxis: null }),
    weight("recurrent", { channelAxis: null }),
    bias("bias", { of: ["input", "weights"] }),
    activation("state"),
  ],
  results: [free],
  infer: (inputs) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 2);
    return [{ dtype, shape: [shape[0] ?? -1, needRank(inputs, 1, "weights", 2).shape[0] ?? -1] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs graphs have no cells that run over a sequence"),
  int8: unsupported("its integer form needs ranges of values inside it, which no run shows"),
  version: hybridVersion(1, [1, 2, 3]),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.3.0" },
  fusedActivations: [],
  macs: recurrentMacs,
});
