/** Sums of all elements up to each one along a constant axis. */

import { activation, defineOp, free, index, unsupported } from "./define-op.ts";
import { namedAxes } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { flag } from "./raise/attributes.ts";
import { operandsOf } from "./raise/simple.ts";
import { sameAsInput } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const cumsum = defineOp({
  kind: "CUMSUM",
  code: 128,
  options: "CumsumOptions",
  attributes: optionsOf("CumsumOptions"),
  operands: [activation("input"), index("axis")],
  results: [free],
  infer: sameAsInput,
  evaluate: unsupported("left to the runtime"),
  layout: namedAxes(1),
  raise: ({ attributes: { exclusive, reverse } }, to) => [
    to.node("Cumsum", operandsOf(to, 2), { exclusive: flag(exclusive), reverse: flag(reverse) }),
  ],
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.4.0" },
  fusedActivations: [],
  macs: noMacs,
});
