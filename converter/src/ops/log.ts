/** The natural logarithm. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const log = defineOp({
  kind: "LOG",
  code: 73,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.log),
  layout: elementwise,
  raise: raiseAs("Log"),
  int8: unsupported("its int8 kernel came with TensorFlow 2.15; runtimes in the field refuse the file"),
  version: byInput(0, { int8: 2, int16: 2 }),
  minRuntime: { 1: "1.14.0", 2: "2.15.0" },
  fusedActivations: [],
  macs: noMacs,
});
