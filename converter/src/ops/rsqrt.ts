/** `1 / √x`. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const rsqrt = defineOp({
  kind: "RSQRT",
  code: 76,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, (x) => 1 / Math.fround(Math.sqrt(x))),
  layout: elementwise,
  raise: raiseAs("Rsqrt"),
  int8: true,
  int16: unsupported("its int16 kernel looks up a table too coarse for small values"),
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.10.0", 2: "2.5.0", 3: "2.15.0" },
  fusedActivations: [],
  macs: noMacs,
});
