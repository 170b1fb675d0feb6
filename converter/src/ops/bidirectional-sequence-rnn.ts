/** Two plain recurrent cells over a sequence, one from each end; their results side by side or apart. */
import { activation, bias, defineOp, free, type OperandRole, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { hybridVersion, recurrentMacs, sequenceShape } from "./recurrent.ts";
import { needRank } from "./refuse.ts";

const cell = (prefix: string): readonly OperandRole[] => [
  weight(`${prefix} weights`, { channelAxis: null }),
  weight(`${prefix} recurrent`, { channelAxis: null }),
  bias(`${prefix} bias`, { of: ["input", `${prefix} weights`] }),
  activation(`${prefix} state`),
];

export const bidirectionalSequenceRnn = defineOp({
  kind: "BIDIRECTIONAL_SEQUENCE_RNN",
  code: 46,
  options: "BidirectionalSequenceRNNOptions",
  attributes: optionsOf("BidirectionalSequenceRNNOptions"),
  operands: [
    activation("input"),
    ...cell("forward"),
    ...cell("backward"),
    activation("auxiliary", true),
    weight("forward auxiliary", { channelAxis: null, optional: true }),
    weight("backward auxiliary", { channelAxis: null, optional: true }),
  ],
  results: [free],
  manyResults: true,
  infer: (inputs, { mergeOutputs }) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 3);
    const [forward = -1] = needRank(inputs, 1, "forward weights", 2).shape;
    const [backward = -1] = needRank(inputs, 5, "backward weights", 2).shape;
    if (mergeOutputs) return [{ dtype, shape: sequenceShape(shape, forward + backward) }];
    return [forward, backward].map((units) => ({ dtype, shape: sequenceShape(shape, units) }));
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
