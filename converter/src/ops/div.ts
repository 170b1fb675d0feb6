/** `a / b`, broadcast. */

import { clamps } from "./activation.ts";
import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseArithmetic } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { broadcastsBeyondRank4 } from "./version-rules.ts";

export const div = defineOp({
  kind: "DIV",
  code: 42,
  options: "DivOptions",
  attributes: optionsOf("DivOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs, { fusedActivationFunction }) => evaluateBinary(inputs, (a, b) => a / b, fusedActivationFunction),
  layout: elementwise,
  raise: raiseArithmetic("RealDiv"),
  int8: unsupported("no int8 kernel"),
  version: (use) => (broadcastsBeyondRank4(use) ? 2 : 1),
  minRuntime: { 1: "1.6.0", 2: "2.3.0" },
  fusedActivations: clamps,
  macs: noMacs,
  notes: ["A division by a constant can be written as a MUL, which has an int8 kernel."],
});
