/** Hyperbolic tangent. Kernels check that an int8 result has scale 1/128 and zero point 0. */

import { activation, defineOp, fixed } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const tanh = defineOp({
  kind: "TANH",
  code: 28,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [fixed({ int8: [1 / 128, 0], int16: [1 / 32768, 0] })],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.tanh),
  layout: elementwise,
  raise: raiseAs("Tanh"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
