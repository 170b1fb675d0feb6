/** `not x` of a boolean. */

import { defineOp, index, none } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const logicalNot = defineOp({
  kind: "LOGICAL_NOT",
  code: 87,
  options: "LogicalNotOptions",
  attributes: optionsOf("LogicalNotOptions"),
  operands: [index("input")],
  results: [none],
  infer: sameAsInput,
  evaluate: ([input]) => (input?.dtype === "bool" ? [{ ...input, bytes: input.bytes.map((one) => 1 - one) }] : null),
  layout: elementwise,
  raise: raiseAs("LogicalNot"),
  int8: true,
  version: always1,
  minRuntime: { 1: "1.11.0" },
  fusedActivations: [],
  macs: noMacs,
});
