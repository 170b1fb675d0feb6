/** A constant around its operand. In int8 the constant shares the scale of the operand and the result. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { perAxis } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { evaluatePadded, inferPadded } from "./shape/pad.ts";
import { inputDType, inputRank } from "./version-rules.ts";

export const padv2 = defineOp({
  kind: "PADV2",
  code: 60,
  options: "PadV2Options",
  attributes: optionsOf("PadV2Options"),
  operands: [activation("input"), index("paddings"), activation("value")],
  results: [sameAs("activations")],
  infer: inferPadded,
  evaluate: ([input, paddings, value]) =>
    input && paddings && value ? evaluatePadded(input, paddings, value.bytes) : null,
  layout: perAxis([1], 2),
  raise: raiseAs("PadV2", 3),
  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "bool") return 5;
    if (inputRank(use, 0) > 4) return 4;
    return dtype === "int16" ? 3 : dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.9.0", 2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.20.0" },
  fusedActivations: [],
  macs: noMacs,
});
