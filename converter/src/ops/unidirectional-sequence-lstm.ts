/** A long short-term memory over a sequence; its state stays from run to run until it is reset. */
import { defineOp, free, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import {
  hybridVersion,
  hybridWeightsOf,
  lstmOperands,
  recurrentMacs,
  recurrentToOutput,
  sequenceShape,
} from "./recurrent.ts";
import { need, needRank } from "./refuse.ts";

export const unidirectionalSequenceLstm = defineOp({
  kind: "UNIDIRECTIONAL_SEQUENCE_LSTM",
  code: 44,
  options: "UnidirectionalSequenceLSTMOptions",
  attributes: optionsOf("UnidirectionalSequenceLSTMOptions"),
  operands: lstmOperands,
  results: [free],
  infer: (inputs) => {
    const { dtype, shape } = needRank(inputs, 0, "input", 3);
    const [, units = -1] = need(inputs, recurrentToOutput, "recurrentToOutput").shape;
    return [{ dtype, shape: sequenceShape(shape, units) }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs graphs have no cells that run over a sequence"),
  hybrid: {
    weights: hybridWeightsOf(lstmOperands),
    perChannel: false,
    attributes: { asymmetricQuantizeInputs: true },
  },
  int8: unsupported("its integer form needs ranges of values inside it, which no run shows"),
  version: (use) => {
    const [input, matrix] = [use.inputs[0]?.dtype, use.inputs[2]?.dtype];
    if (input === "int16" && matrix === "int8" && use.outputs[0]?.dtype === "int16") return 4;
    if (use.attributes.diagonalRecurrentTensors) return 4;
    return hybridVersion(2, [1, 2, 3])(use);
  },
  minRuntime: { 1: "1.13.1", 2: "1.14.0", 3: "2.3.0", 4: "2.12.0" },
  fusedActivations: [],
  macs: recurrentMacs,
  notes: ["Runtimes know versions up to 4, although op_version.cc asks for 5 for int16 activations: 4 is written."],
});
