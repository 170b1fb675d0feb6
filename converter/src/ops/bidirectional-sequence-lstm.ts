/** Two long short-term memories over a sequence, one from each end; their results side by side or apart. */
import { activation, defineOp, free, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { hybridVersion, lstmWeights, recurrentMacs, sequenceShape } from "./recurrent.ts";
import { need, needRank } from "./refuse.ts";

/** Recurrent-to-output weights of either direction, [cells, outputs]. */
const [forwardRecurrent, backwardRecurrent] = [8, 25];

const auxiliary = (prefix: string) =>
  ["Input", "Forget", "Cell", "Output"].map((gate) =>
    weight(`${prefix}auxiliaryTo${gate}`, { channelAxis: null, optional: true }),
  );

export const bidirectionalSequenceLstm = defineOp({
  kind: "BIDIRECTIONAL_SEQUENCE_LSTM",
  code: 52,
  options: "BidirectionalSequenceLSTMOptions",
  attributes: optionsOf("BidirectionalSequenceLSTMOptions"),
  operands: [
    activation("input"),
    ...lstmWeights("forward "),
    ...lstmWeights("backward "),
    activation("forwardOutputState"),
    activation("forwardCellState"),
    activation("backwardOutputState"),
    activation("backwardCellState"),
    activation("auxiliary", true),
    ...auxiliary("forward "),
    ...auxiliary("backward "),
  ],
  results: [free],
  manyResults: true,
  infer: (inputs, { mergeOutputs }) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 3);
    const [, forward = -1] = need(inputs, forwardRecurrent, "forward recurrentToOutput").shape;
    const [, backward = -1] = need(inputs, backwardRecurrent, "backward recurrentToOutput").shape;
    if (mergeOutputs) return [{ dtype, shape: sequenceShape(shape, forward + backward) }];
    return [forward, backward].map((units) => ({ dtype, shape: sequenceShape(shape, units) }));
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs graphs have no cells that run over a sequence"),
  int8: unsupported("its integer form needs ranges of values inside it, which no run shows"),
  version: hybridVersion(1, [1, 2, 3]),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "1.14.0" },
  fusedActivations: [],
  macs: recurrentMacs,
});
