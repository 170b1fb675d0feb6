/** The batch axis spread over blocks of the inner axes, cropped at the end. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { integersOf, unknownShape } from "./shape/axis.ts";
import { unblockedShape } from "./shape/blocks.ts";
import { inputDType, inputRank } from "./version-rules.ts";

export const batchToSpaceNd = defineOp({
  kind: "BATCH_TO_SPACE_ND",
  code: 37,
  options: "BatchToSpaceNDOptions",
  attributes: optionsOf("BatchToSpaceNDOptions"),
  operands: [activation("input"), index("blockShape"), index("crops")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const block = integersOf(need(inputs, 1, "blockShape"));
    const crops = integersOf(need(inputs, 2, "crops"));
    if (!block || !crops) return [{ dtype: input.dtype, shape: unknownShape(input.shape.length) }];
    return [{ dtype: input.dtype, shape: unblockedShape(input.shape, block, crops) }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseAs("BatchToSpaceND", 3),
  int8: true,
  int16: {},
  version: (use) => {
    if (inputDType(use, 0) === "int16") return 4;
    if (inputRank(use, 0) !== 4) return 3;
    return inputDType(use, 0) === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.6.0", 2: "1.14.0", 3: "2.3.0", 4: "2.12.0" },
  fusedActivations: [],
  macs: noMacs,
});
