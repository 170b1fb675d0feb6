/** `x` where positive, else `e^x - 1`. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const elu = defineOp({
  kind: "ELU",
  code: 111,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => (x < 0 ? Math.expm1(x) : x)),
  layout: elementwise,
  raise: raiseAs("Elu"),
  int8: true,
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
