/** `a - b`, broadcast. */

import { clamps } from "./activation.ts";
import { activation, defineOp, free } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseArithmetic } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { broadcastsBeyondRank4, inputDType } from "./version-rules.ts";

export const sub = defineOp({
  kind: "SUB",
  code: 41,
  options: "SubOptions",
  attributes: optionsOf("SubOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs, { fusedActivationFunction }) => evaluateBinary(inputs, (a, b) => a - b, fusedActivationFunction),
  layout: elementwise,
  raise: raiseArithmetic("Sub"),
  int8: true,
  int16: { attributes: { potScaleInt16: false } },
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int16" && !use.attributes.potScaleInt16) return 5;
    if (dtype === "int64") return 4;
    if (broadcastsBeyondRank4(use)) return 3;
    return dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.6.0", 2: "1.14.0", 3: "2.3.0", 4: "2.4.0", 5: "2.4.0" },
  fusedActivations: clamps,
  macs: noMacs,
});
