/** `a ≤ b`, broadcast; a boolean. */

import { activation, defineOp, none } from "./define-op.ts";
import { evaluateComparison } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { inferComparison } from "./shape/compare.ts";
import { byInput } from "./version-rules.ts";

export const lessEqual = defineOp({
  kind: "LESS_EQUAL",
  code: 63,
  options: "LessEqualOptions",
  attributes: optionsOf("LessEqualOptions"),
  operands: [activation("a"), activation("b")],
  results: [none],
  infer: inferComparison,
  evaluate: (inputs) => evaluateComparison(inputs, (a, b) => a <= b),
  layout: elementwise,
  raise: raiseAs("LessEqual", 2),
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
