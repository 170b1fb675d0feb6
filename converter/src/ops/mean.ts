/** The mean over constant axes. */

import { activation, defineOp, free, index } from "./define-op.ts";
import { evaluateReduction } from "./evaluate/reduce.ts";
import { reduction } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseReduction } from "./raise/axes.ts";
import { inferReduction } from "./shape/reduce.ts";
import { byInput } from "./version-rules.ts";

export const mean = defineOp({
  kind: "MEAN",
  code: 40,
  options: "ReducerOptions",
  attributes: optionsOf("ReducerOptions"),
  operands: [activation("input"), index("axes")],
  results: [free],
  infer: inferReduction,
  evaluate: (inputs, { keepDims }) =>
    evaluateReduction(inputs, keepDims, {
      start: 0,
      step: (sum, value) => sum + value,
      end: (sum, count) => sum / count,
    }),
  layout: reduction,
  raise: raiseReduction("Mean"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.6.0", 2: "1.14.0", 3: "2.4.0" },
  fusedActivations: [],
  macs: noMacs,
});
