/** `a = b`, broadcast; a boolean. */

import { activation, defineOp, none } from "./define-op.ts";
import { evaluateComparison } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { inferComparison } from "./shape/compare.ts";
import { byInput } from "./version-rules.ts";

export const equal = defineOp({
  kind: "EQUAL",
  code: 71,
  options: "EqualOptions",
  attributes: optionsOf("EqualOptions"),
  operands: [activation("a"), activation("b")],
  results: [none],
  infer: inferComparison,
  evaluate: (inputs) => evaluateComparison(inputs, (a, b) => a === b),
  layout: elementwise,
  raise: raiseAs("Equal", 2),
  int8: true,
  version: byInput(0, { int8: 2, string: 3, int16: 5 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.3.0", 5: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
