/** Blocks of the inner axes, padded first, moved to the batch axis. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need } from "./refuse.ts";
import { integersOf, unknownShape } from "./shape/axis.ts";
import { blockedShape } from "./shape/blocks.ts";
import { inputDType, inputRank } from "./version-rules.ts";

export const spaceToBatchNd = defineOp({
  kind: "SPACE_TO_BATCH_ND",
  code: 38,
  options: "SpaceToBatchNDOptions",
  attributes: optionsOf("SpaceToBatchNDOptions"),
  operands: [activation("input"), index("blockShape"), index("paddings")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const block = integersOf(need(inputs, 1, "blockShape"));
    const paddings = integersOf(need(inputs, 2, "paddings"));
    if (!block || !paddings) return [{ dtype: input.dtype, shape: unknownShape(input.shape.length) }];
    return [{ dtype: input.dtype, shape: blockedShape(input.shape, block, paddings) }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseAs("SpaceToBatchND", 3),
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
