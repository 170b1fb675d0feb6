/** `e^x`. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const exp = defineOp({
  kind: "EXP",
  code: 47,
  options: "ExpOptions",
  attributes: optionsOf("ExpOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.exp),
  layout: elementwise,
  raise: raiseAs("Exp"),
  int8: unsupported("its int8 kernel came with TensorFlow 2.12; runtimes in the field refuse the file"),
  version: byInput(0, { int8: 2, int16: 2 }),
  minRuntime: { 1: "1.7.0", 2: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
