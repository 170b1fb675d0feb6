/** `(a - b)²`, broadcast. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const squaredDifference = defineOp({
  kind: "SQUARED_DIFFERENCE",
  code: 99,
  options: "SquaredDifferenceOptions",
  attributes: optionsOf("SquaredDifferenceOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs) =>
    evaluateBinary(inputs, (a, b) => {
      const difference = Math.fround(a - b);
      return difference * difference;
    }),
  layout: elementwise,
  raise: raiseAs("SquaredDifference", 2),
  int8: true,
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "1.13.1", 2: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
