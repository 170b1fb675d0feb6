/** `a ≠ b`, broadcast; a boolean. */

import { activation, defineOp, none } from "./define-op.ts";
import { evaluateComparison } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { inferComparison } from "./shape/compare.ts";
import { byInput } from "./version-rules.ts";

export const notEqual = defineOp({
  kind: "NOT_EQUAL",
  code: 72,
  options: "NotEqualOptions",
  attributes: optionsOf("NotEqualOptions"),
  operands: [activation("a"), activation("b")],
  results: [none],
  infer: inferComparison,
  evaluate: (inputs) => evaluateComparison(inputs, (a, b) => a !== b),
  layout: elementwise,
  raise: raiseAs("NotEqual", 2),
  int8: true,
  version: byInput(0, { int8: 2, string: 3, int16: 4 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.3.0", 4: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
