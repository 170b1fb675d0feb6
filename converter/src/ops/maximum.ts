/** The greater of a and b, broadcast. */

import { activation, defineOp, sameAs } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { broadcastsBeyondRank4, inputDType } from "./version-rules.ts";

export const maximum = defineOp({
  kind: "MAXIMUM",
  code: 55,
  options: "MaximumMinimumOptions",
  attributes: optionsOf("MaximumMinimumOptions"),
  operands: [activation("a"), activation("b")],
  results: [sameAs("activations")],
  infer: broadcastOfTwo,
  evaluate: (inputs) => evaluateBinary(inputs, Math.max),
  layout: elementwise,
  raise: raiseAs("Maximum", 2),
  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int16") return 4;
    if (broadcastsBeyondRank4(use)) return 3;
    return dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.3.0", 4: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
