/** A plain recurrent cell over a sequence. */
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { hybridVersion, recurrentMacs, sequenceShape } from "./recurrent.ts";
import { needRank } from "./refuse.ts";

export const unidirectionalSequenceRnn = defineOp({
  kind: "UNIDIRECTIONAL_SEQUENCE_RNN",
  code: 35,
  options: "SequenceRNNOptions",
  attributes: optionsOf("SequenceRNNOptions"),
  operands: [
    activation("input"),
    weight("weights", { channelAxis: null }),
    weight("recurrent", { channelAxis: null }),
    bias("bias", { of: ["input", "weights"] }),
    activation("state"),
  ],
  results: [free],
  infer: (inputs) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 3);
    return [{ dtype, shape: sequenceShape(shape, needRank(inputs, 1, "weights", 2).shape[0] ?? -1) }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs graphs have no cells that run over a sequence"),
  int8: unsupported("its integer form needs ranges of values inside it, which no run shows"),
  version: hybridVersion(1, [1, 2, 3]),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.3.0" },
  fusedActivations: [],
  macs: recurrentMacs,
});
