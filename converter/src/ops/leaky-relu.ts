/** `x` where positive, else `alpha · x`. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateUnary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { float } from "./raise/attributes.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const leakyRelu = defineOp({
  kind: "LEAKY_RELU",
  code: 98,
  options: "LeakyReluOptions",
  attributes: optionsOf("LeakyReluOptions", { alpha: Math.fround(0.2) }),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: (inputs, { alpha }) => evaluateUnary(inputs, (x) => (x < 0 ? x * alpha : x)),
  layout: elementwise,
  raise: ({ attributes }, to) => [to.node("LeakyRelu", [to.operand(0)], { alpha: float(attributes.alpha) })],
  int8: true,
  int16: {},
  version: byInput(0, { int16: 2 }),
  minRuntime: { 1: "1.13.1", 2: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
