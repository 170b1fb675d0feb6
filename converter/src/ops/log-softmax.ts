/** `log(e^x normalised)` over the last axis. Kernels check that an int8 result has scale 16/256 and zero point 127. */

import { activation, defineOp, fixed, unsupported } from "./define-op.ts";
import { lastAxisStays } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const logSoftmax = defineOp({
  kind: "LOG_SOFTMAX",
  code: 50,
  options: "LogSoftmaxOptions",
  attributes: optionsOf("LogSoftmaxOptions"),
  operands: [activation("input")],
  results: [fixed({ int8: [16 / 256, 127] })],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime: its last bits depend on the order of the sum"),
  layout: lastAxisStays,
  raise: raiseAs("LogSoftmax"),
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
