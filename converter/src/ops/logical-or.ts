/** `a or b` of booleans, broadcast. */

import { defineOp, index, none } from "./define-op.ts";
import { evaluateLogical } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { inferComparison } from "./shape/compare.ts";
import { always1 } from "./version-rules.ts";

export const logicalOr = defineOp({
  kind: "LOGICAL_OR",
  code: 84,
  options: "LogicalOrOptions",
  attributes: optionsOf("LogicalOrOptions"),
  operands: [index("a"), index("b")],
  results: [none],
  infer: inferComparison,
  evaluate: (inputs) => evaluateLogical(inputs, (a, b) => a || b),
  layout: elementwise,
  raise: raiseAs("LogicalOr", 2),
  int8: true,
  version: always1,
  minRuntime: { 1: "1.11.0" },
  fusedActivations: [],
  macs: noMacs,
});
