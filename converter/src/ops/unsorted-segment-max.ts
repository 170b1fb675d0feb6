/** Greatest values of the rows that carry the same id, in any order. */
import { activation, defineOp, free, index, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { inferSegments } from "./shape/segments.ts";
import { always1 } from "./version-rules.ts";

export const unsortedSegmentMax = defineOp({
  kind: "UNSORTED_SEGMENT_MAX",
  code: 154,
  options: "UnsortedSegmentMaxOptions",
  attributes: optionsOf("UnsortedSegmentMaxOptions"),
  operands: [activation("data"), index("ids"), index("count")],
  results: [free],
  infer: inferSegments,
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.10.0" },
  fusedActivations: [],
  macs: noMacs,
});
