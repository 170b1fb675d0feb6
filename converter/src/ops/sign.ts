/** -1, 0 or 1. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const sign = defineOp({
  kind: "SIGN",
  code: 158,
  options: "SignOptions",
  attributes: optionsOf("SignOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.sign, { int32: true }),
  layout: elementwise,
  raise: raiseAs("Sign"),
  int8: unsupported("no int8 kernel"),
  version: byInput(0, { int32: 2 }),
  minRuntime: { 1: "2.11.0", 2: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
