/** `|x|`. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const abs = defineOp({
  kind: "ABS",
  code: 101,
  options: "AbsOptions",
  attributes: optionsOf("AbsOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.abs, { int32: true }),
  layout: elementwise,
  raise: raiseAs("Abs"),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, uint8: 2, int16: 3, int32: 5 }),
  minRuntime: { 1: "1.13.0", 2: "2.4.0", 3: "2.5.0", 5: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
