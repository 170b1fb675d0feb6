/** The remainder of a flooring division, with the sign of the divisor; broadcast. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const floorMod = defineOp({
  kind: "FLOOR_MOD",
  code: 95,
  options: "FloorModOptions",
  attributes: optionsOf("FloorModOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs) =>
    evaluateBinary(inputs, (a, b) => {
      const rest = a % b;
      return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
    }),
  layout: elementwise,
  raise: raiseAs("FloorMod", 2),
  int8: unsupported("its integer kernels know no scales"),
  version: byInput(0, { int8: 2, int16: 2 }),
  minRuntime: { 1: "1.13.0", 2: "2.13.0" },
  fusedActivations: [],
  macs: noMacs,
});
