/** To the nearest integer, halves to the even one. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raiseAs } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const round = defineOp({
  kind: "ROUND",
  code: 116,
  options: null,
  attributes: {},
  operands: [activation("input")],
  results: [free],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime"),
  layout: elementwise,
  raise: raiseAs("Round"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
