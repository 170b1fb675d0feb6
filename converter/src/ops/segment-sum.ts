/** Sums of the rows that carry the same id; ids ascend. */
import { activation, defineOp, free, index, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need, needRank, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

export const segmentSum = defineOp({
  kind: "SEGMENT_SUM",
  code: 125,
  options: "SegmentSumOptions",
  attributes: optionsOf("SegmentSumOptions"),
  operands: [activation("data"), index("ids")],
  results: [free],
  infer: (inputs) => {
    const data = need(inputs, 0, "data");
    const ids = integersOf(needRank(inputs, 1, "ids", 1));
    const rows = ids === null ? -1 : (ids.at(-1) ?? -1) + 1;
    if (ids !== null && rows < 1) throw refuse(`Ids of [${ids.join(", ")}] make no rows.`);
    return [{ dtype: data.dtype, shape: [rows, ...data.shape.slice(1)] }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.2.0" },
  fusedActivations: [],
  macs: noMacs,
});
