/** Sine. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const sin = defineOp({
  kind: "SIN",
  code: 66,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.sin),
  layout: elementwise,
  raise: raiseAs("Sin"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.9.0" },
  fusedActivations: [],
  macs: noMacs,
});
