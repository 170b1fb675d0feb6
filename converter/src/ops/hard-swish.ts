/** `x · min(max(x + 3, 0), 6) / 6`. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const hardSwish = defineOp({
  kind: "HARD_SWISH",
  code: 117,
  options: "HardSwishOptions",
  attributes: optionsOf("HardSwishOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs) =>
    evaluateUnary(inputs, (x) => Math.fround(x * Math.fround(Math.min(Math.max(Math.fround(x + 3), 0), 6))) / 6),
  layout: elementwise,
  raise: (_use, to) => {
    const x = to.operand(0);
    const gate = to.node("Relu6", [to.node("AddV2", [x, to.constant("float32", 3)])]);
    return [to.node("Mul", [to.node("Mul", [x, gate]), to.constant("float32", 1 / 6)])];
  },
  int8: true,
  version: always1,
  minRuntime: { 1: "1.15.0" },
  fusedActivations: [],
  macs: noMacs,
});
