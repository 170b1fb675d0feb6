/**
 * The sum over constant axes. In int8 its result has a scale of its own: with its operand's it would overflow, and
 * kernels of 2023 then wrap around (found by running them). `tfl_ops.td` no longer asks for the operand's.
 */

import { activation, defineOp, free, index, unsupported } from "./define-op.ts";
import { evaluateReduction } from "./evaluate/reduce.ts";
import { reduction } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseReduction } from "./raise/axes.ts";
import { inferReduction } from "./shape/reduce.ts";
import { byInput } from "./version-rules.ts";

export const sum = defineOp({
  kind: "SUM",
  code: 74,
  options: "ReducerOptions",
  attributes: optionsOf("ReducerOptions"),
  operands: [activation("input"), index("axes")],
  results: [free],
  infer: inferReduction,
  evaluate: (inputs, { keepDims }) =>
    evaluateReduction(inputs, keepDims, { start: 0, step: (sum, value) => sum + value }),
  layout: reduction,
  raise: raiseReduction("Sum"),
  int8: true,
  int16: unsupported("its int16 kernel of 2023 wants the scale of its operand, in which sums overflow"),
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "1.10.0", 2: "1.15.0" },
  fusedActivations: [],
  macs: noMacs,
});
