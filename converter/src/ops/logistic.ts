/** `1 / (1 + e^-x)`. Kernels check that an int8 result has scale 1/256 and zero point -128. */

import { activation, defineOp, fixed } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const logistic = defineOp({
  kind: "LOGISTIC",
  code: 14,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [fixed({ int8: [1 / 256, -128], int16: [1 / 32768, 0] })],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => 1 / (1 + Math.exp(-x))),
  layout: elementwise,
  raise: raiseAs("Sigmoid"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
