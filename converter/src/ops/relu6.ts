/** `min(max(x, 0), 6)`; fuses into what makes its operand. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const relu6 = defineOp({
  kind: "RELU6",
  code: 21,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  fusesAs: "RELU6",
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => Math.min(Math.max(x, 0), 6)),
  layout: elementwise,
  raise: raiseAs("Relu6"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
