/** The positions at which the condition holds, in order, a row each. */

import { defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { inputDType } from "./version-rules.ts";

export const where = defineOp({
  kind: "WHERE",
  code: 109,
  options: "WhereOptions",
  attributes: optionsOf("WhereOptions"),
  operands: [index("condition")],
  results: [none],
  infer: (inputs) => [{ dtype: "int64", shape: [-1, need(inputs, 0, "condition").shape.length] }],
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseAs("Where"),
  int8: unsupported("it looks at whether a value is 0, which a zero point hides"),
  version: (use) => (inputDType(use, 0) === "bool" ? 1 : 2),
  minRuntime: { 1: "1.14.0", 2: "2.8.0" },
  fusedActivations: [],
  macs: noMacs,
});
