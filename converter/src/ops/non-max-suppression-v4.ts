/** The best boxes that do not overlap each other too much, by their indices, and how many they are. */
import { activation, defineOp, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { inferSuppression } from "./shape/suppression.ts";
import { always1 } from "./version-rules.ts";

export const nonMaxSuppressionV4 = defineOp({
  kind: "NON_MAX_SUPPRESSION_V4",
  code: 120,
  options: "NonMaxSuppressionV4Options",
  attributes: optionsOf("NonMaxSuppressionV4Options"),
  operands: [
    activation("boxes"),
    activation("scores"),
    index("maxOutputSize"),
    index("iouThreshold"),
    index("scoreThreshold"),
  ],
  results: [none, none],
  infer: (inputs) => inferSuppression(inputs, false),
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("in tfjs its results have other sizes, which show only in the run"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.1.0" },
  fusedActivations: [],
  macs: noMacs,
});
