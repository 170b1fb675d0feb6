/** The least value over constant axes. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { evaluateReduction } from "./evaluate/reduce.ts";
import { reduction } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseReduction } from "./raise/axes.ts";
import { inferReduction } from "./shape/reduce.ts";
import { byInput } from "./version-rules.ts";

export const reduceMin = defineOp({
  kind: "REDUCE_MIN",
  code: 89,
  options: "ReducerOptions",
  attributes: optionsOf("ReducerOptions"),
  operands: [activation("input"), index("axes")],
  results: [sameAs("input")],
  infer: inferReduction,
  evaluate: (inputs, { keepDims }) =>
    evaluateReduction(inputs, keepDims, { start: Number.POSITIVE_INFINITY, step: Math.min }),
  layout: reduction,
  raise: raiseReduction("Min"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.11.0", 2: "1.14.0", 3: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
