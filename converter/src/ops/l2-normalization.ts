/** Over the last axis, to a length of 1. An int8 result has scale 1/128 and zero point 0. */

import { activation, defineOp, fixed, unsupported } from "./define-op.ts";
import { lastAxisStays } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { flag } from "./raise/attributes.ts";
import { sameAsInput } from "./shape/same.ts";

/** What its kernel divides by at least. */
const leastLength = 1e-6;

export const l2Normalization = defineOp({
  kind: "L2_NORMALIZATION",
  code: 11,
  options: "L2NormOptions",
  attributes: optionsOf("L2NormOptions"),
  operands: [activation("input")],
  results: [fixed({ int8: [1 / 128, 0] })],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime"),
  layout: lastAxisStays,
  raise: (_use, to) => {
    const x = to.operand(0);
    const last = to.constant("int32", [-1]);
    const length = to.node("Sqrt", [to.node("Sum", [to.node("Square", [x]), last], { keep_dims: flag(true) })]);
    return [to.node("RealDiv", [x, to.node("Maximum", [length, to.constant("float32", leastLength)])])];
  },
  int8: true,
  version: (use) => (use.outputs[0]?.dtype === "int8" ? 2 : 1),
  minRuntime: { 1: "1.5.0", 2: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
