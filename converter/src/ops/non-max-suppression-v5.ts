/** The best boxes that do not overlap each other too much, their scores lessened by their overlap, and how many they are. */
import { activation, defineOp, free, index, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { inferSuppression } from "./shape/suppression.ts";
import { always1 } from "./version-rules.ts";

export const nonMaxSuppressionV5 = defineOp({
  kind: "NON_MAX_SUPPRESSION_V5",
  code: 121,
  options: "NonMaxSuppressionV5Options",
  attributes: optionsOf("NonMaxSuppressionV5Options"),
  operands: [
    activation("boxes"),
    activation("scores"),
    index("maxOutputSize"),
    index("iouThreshold"),
    index("scoreThreshold"),
    index("softNmsSigma"),
  ],
  results: [none, free, none],
  infer: (inputs) => inferSuppression(inputs, true),
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("in tfjs its results have other sizes, which show only in the run"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.1.0" },
  fusedActivations: [],
  macs: noMacs,
});
