/** `⌊a / b⌋`, broadcast. */

import { activation, defineOp, free, unsupported } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const floorDiv = defineOp({
  kind: "FLOOR_DIV",
  code: 90,
  options: "FloorDivOptions",
  attributes: optionsOf("FloorDivOptions"),
  operands: [activation("a"), activation("b")],
  results: [free],
  infer: broadcastOfTwo,
  evaluate: (inputs) => evaluateBinary(inputs, (a, b) => Math.floor(a / b)),
  layout: elementwise,
  raise: raiseAs("FloorDiv", 2),
  int8: unsupported("its int8 kernel divides the stored integers without looking at their scale"),
  version: byInput(0, { float32: 2, int8: 3, int16: 3 }),
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "2.13.0" },
  fusedActivations: [],
  macs: noMacs,
});
