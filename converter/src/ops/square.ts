/** `x²`. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const square = defineOp({
  kind: "SQUARE",
  code: 92,
  options: "SquareOptions",
  attributes: optionsOf("SquareOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => x * x),
  layout: elementwise,
  raise: raiseAs("Square"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
