/** Zeros around its operand; in int8 the zero point, so real zeros. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { perAxis } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { evaluatePadded, inferPadded } from "./shape/pad.ts";
import { inputDType, inputRank } from "./version-rules.ts";

export const pad = defineOp({
  kind: "PAD",
  code: 34,
  options: "PadOptions",
  attributes: optionsOf("PadOptions"),
  operands: [activation("input"), index("paddings")],
  results: [sameAs("input")],
  infer: inferPadded,
  evaluate: ([input, paddings]) => (input?.dtype === "float32" && paddings ? evaluatePadded(input, paddings) : null),
  layout: perAxis([1], 2),
  raise: raiseAs("Pad", 2),
  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "bool") return 5;
    if (inputRank(use, 0) > 4) return 4;
    return dtype === "int16" ? 3 : dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.20.0" },
  fusedActivations: [],
  macs: noMacs,
});
