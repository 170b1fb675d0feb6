/** `a + b`, broadcast. */

import { clamps } from "./activation.ts";
import { activation, defineOp, free } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseArithmetic } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { inputDType } from "./version-rules.ts";

export const add = defineOp({
  kind: "ADD",
  code: 0,
  options: "AddOptions",
  attributes: optionsOf("AddOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs, { fusedActivationFunction }) => evaluateBinary(inputs, (a, b) => a + b, fusedActivationFunction),
  layout: elementwise,
  raise: raiseArithmetic("AddV2"),
  int8: true,
  int16: { attributes: { potScaleInt16: false } },
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int16" && !use.inputs[0]?.quantization) return 5;
    if (dtype === "int64") return 4;
    if (dtype === "int16" && !use.attributes.potScaleInt16) return 3;
    return dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.13.0" },
  fusedActivations: clamps,
  macs: noMacs,
});
