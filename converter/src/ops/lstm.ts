/** One step of a long short-term memory. Its results beyond the first are scratch space of old files. */
import { defineOp, free, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { hybridVersion, lstmOperands, recurrentMacs, recurrentToOutput } from "./recurrent.ts";
import { need, needRank, refuse } from "./refuse.ts";

export const lstm = defineOp({
  kind: "LSTM",
  code: 16,
  options: "LSTMOptions",
  attributes: optionsOf("LSTMOptions"),
  operands: lstmOperands,
  results: [free],
  manyResults: true,
  infer: (inputs, { kernelType }, stored) => {
    if (kernelType === "BASIC" || (stored && stored.length > 1)) {
      if (!stored) throw refuse("What the basic kernel gives is known only from the graph.");
      return stored;
    }
    const { dtype, shape } = needRank(inputs, 0, "input", 2);
    const [, units = -1] = need(inputs, recurrentToOutput, "recurrentToOutput").shape;
    return [{ dtype, shape: [shape[0] ?? -1, units] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs graphs have no cells that run over a sequence"),
  int8: unsupported("its integer form needs ranges of values inside it, which no run shows"),
  version: (use) => (use.attributes.kernelType === "BASIC" ? 2 : hybridVersion(2, [1, 3, 4])(use)),
  minRuntime: { 1: "1.7.0", 2: "1.10.0", 3: "1.14.0", 4: "2.3.0" },
  fusedActivations: [],
  macs: recurrentMacs,
  notes: ["The basic kernel has five operands of its own; they are carried by place."],
});
