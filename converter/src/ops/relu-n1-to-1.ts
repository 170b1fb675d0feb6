/** `min(max(x, -1), 1)`; fuses into what makes its operand. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { clipped } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const reluN1To1 = defineOp({
  kind: "RELU_N1_TO_1",
  code: 20,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  fusesAs: "RELU_N1_TO_1",
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => Math.min(Math.max(x, -1), 1)),
  layout: elementwise,
  raise: (_use, to) => [clipped(to, to.operand(0), -1, 1)],
  int8: true,
  version: always1,
  minRuntime: { 1: "1.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
