/** `e^(beta·x)` over the last axis, normalised. Kernels check that an int8 result has scale 1/256 and zero point -128. */

import { activation, defineOp, fixed, unsupported } from "./define-op.ts";
import { lastAxisStays } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const softmax = defineOp({
  kind: "SOFTMAX",
  code: 25,
  options: "SoftmaxOptions",
  attributes: optionsOf("SoftmaxOptions", { beta: 1 }),
  operands: [activation("input")],
  results: [fixed({ int8: [1 / 256, -128], int16: [1 / 32768, 0] })],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime: its last bits depend on the order of the sum"),
  layout: lastAxisStays,
  raise: ({ attributes: { beta } }, to) => {
    const x = to.operand(0);
    return [to.node("Softmax", [beta === 1 ? x : to.node("Mul", [x, to.constant("float32", beta)])])];
  },
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, int16: 3 }),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
