/** `min(max(x, 0), 1)`. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { clipped } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const relu0To1 = defineOp({
  kind: "RELU_0_TO_1",
  code: 152,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (value) => Math.min(Math.max(value, 0), 1)),
  layout: elementwise,
  raise: (_use, to) => [clipped(to, to.operand(0), 0, 1)],
  int8: true,
  version: always1,
  minRuntime: { 1: "2.10.0" },
  fusedActivations: [],
  macs: noMacs,
});
