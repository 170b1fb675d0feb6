/** `√x`. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const sqrt = defineOp({
  kind: "SQRT",
  code: 75,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) => evaluateUnary(inputs, Math.sqrt),
  layout: elementwise,
  raise: raiseAs("Sqrt"),
  int8: unsupported("an int8 kernel exists only from TensorFlow 2.21 on"),
  version: byInput(0, { int8: 2, int16: 2 }),
  minRuntime: { 1: "1.10.0", 2: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
