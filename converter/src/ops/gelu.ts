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
  raise: unsupported("not written as TensorFlow nodes yet"),
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "2.9.0", 2: "2.9.0" },
  fusedActivations: [],
  macs: noMacs,
});
