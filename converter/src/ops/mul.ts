/** `a · b`, broadcast. */

import { clamps } from "./activation.ts";
import { activation, defineOp, free } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseArithmetic } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { inputDType } from "./version-rules.ts";

export const mul = defineOp({
  kind: "MUL",
  code: 18,
  options: "MulOptions",
  attributes: optionsOf("MulOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs, { fusedActivationFunction }) => evaluateBinary(inputs, (a, b) => a * b, fusedActivationFunction),
  layout: elementwise,
  raise: raiseArithmetic("Mul"),
  int8: true,
  int16: {},
  version: (use) => {
    const [a, b, out] = [use.inputs[0], use.inputs[1], use.outputs[0]].map(
      (operand) => operand?.quantization?.scales[0],
    );
    const dtype = inputDType(use, 0);
    if ((dtype === "int16" && a === undefined) || dtype === "uint32") return 7;
    if (dtype === "complex64") return 6;
    if (dtype === "int64") return 5;
    if (dtype === "int16") return 4;
    if (a && b && out && (a * b) / out >= 1) return 3; // a rescale of 1 or more
    return dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "1.15.0", 4: "2.3.0", 5: "2.6.0", 6: "2.11.0", 7: "2.13.0" },
  fusedActivations: clamps,
  macs: noMacs,
});
