/** `a` to the power of `b`, broadcast. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const pow = defineOp({
  kind: "POW",
  code: 78,
  options: "PowOptions",
  attributes: optionsOf("PowOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: unsupported("left to the runtime"),
  layout: elementwise,
  raise: raiseAs("Pow", 2),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.10.0" },
  fusedActivations: [],
  macs: noMacs,
});
