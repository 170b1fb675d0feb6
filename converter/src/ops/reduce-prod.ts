/** The product over constant axes. */

import { activation, defineOp, free, index } from "./define-op.ts";
import { evaluateReduction } from "./evaluate/reduce.ts";
import { reduction } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseReduction } from "./raise/axes.ts";
import { inferReduction } from "./shape/reduce.ts";
import { byInput } from "./version-rules.ts";

export const reduceProd = defineOp({
  kind: "REDUCE_PROD",
  code: 81,
  options: "ReducerOptions",
  attributes: optionsOf("ReducerOptions"),
  operands: [activation("input"), index("axes")],
  results: [free],
  infer: inferReduction,
  evaluate: (inputs, { keepDims }) =>
    evaluateReduction(inputs, keepDims, { start: 1, step: (product, value) => product * value }),
  layout: reduction,
  raise: raiseReduction("Prod"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 2 }),
  minRuntime: { 1: "1.11.0", 2: "2.6.0" },
  fusedActivations: [],
  macs: noMacs,
});
