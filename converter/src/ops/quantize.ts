/** Real values to integers by the result's scale, or integers of one scale to those of another. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need } from "./refuse.ts";
import { inputDType } from "./version-rules.ts";

export const quantize = defineOp({
  kind: "QUANTIZE",
  code: 114,
  options: "QuantizeOptions",
  attributes: optionsOf("QuantizeOptions"),
  operands: [activation("input")],
  results: [free],
  infer: (inputs, _, stored) => [{ dtype: stored?.[0]?.dtype ?? "int8", shape: need(inputs, 0, "input").shape }],
  evaluate: unsupported("the scale is a fact of its result, which evaluation does not see"),
  layout: elementwise,
  raise: unsupported("tfjs computes in float32: convert the float model"),
  int8: unsupported("it is the border between float and integer itself"),
  border: true,
  version: (use) => {
    const output = use.outputs[0];
    if (inputDType(use, 0) === "uint4" || output?.dtype === "uint4") return 5;
    if (inputDType(use, 0) === "int4" || output?.dtype === "int4") return 4;
    if ((output?.quantization?.scales.length ?? 0) > 1) return 3;
    return output?.dtype === "int16" ? 2 : 1;
  },
  minRuntime: { 1: "1.14.0", 2: "1.15.0", 3: "2.7.0", 4: "2.21.0", 5: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
