/** `-x`. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const neg = defineOp({
  kind: "NEG",
  code: 59,
  options: "NegOptions",
  attributes: optionsOf("NegOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => -x, { int32: true }),
  layout: elementwise,
  raise: raiseAs("Neg"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.9.0" },
  fusedActivations: [],
  macs: noMacs,
});
