/** `max(x, 0)`; fuses into what makes its operand. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const relu = defineOp({
  kind: "RELU",
  code: 19,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  fusesAs: "RELU",
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => Math.max(x, 0)),
  layout: elementwise,
  raise: raiseAs("Relu"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.5.0", 2: "2.1.0", 3: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
