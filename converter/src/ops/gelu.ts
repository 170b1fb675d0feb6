/** `x · Φ(x)`: by erf, or by tanh where `approximate`. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const gelu = defineOp({
  kind: "GELU",
  code: 150,
  options: "GeluOptions",
  attributes: optionsOf("GeluOptions"),
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime: its last bits depend on its erf"),
  layout: elementwise,
  raise: ({ attributes: { approximate } }, to) => {
    const x = to.operand(0);
    const number = (value: number) => to.constant("float32", value);
    const half = to.node("Mul", [x, number(0.5)]);
    const bent = approximate
      ? to.node("AddV2", [x, to.node("Mul", [to.node("Mul", [to.node("Square", [x]), x]), number(0.044715)])])
      : x;
    const scaled = to.node("Mul", [bent, number(approximate ? Math.sqrt(2 / Math.PI) : Math.SQRT1_2)]);
    const share = to.node("AddV2", [to.node(approximate ? "Tanh" : "Erf", [scaled]), number(1)]);
    return [to.node("Mul", [half, share])];
  },
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "2.9.0", 2: "2.9.0" },
  fusedActivations: [],
  macs: noMacs,
});
