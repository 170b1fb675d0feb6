/** The first elements along one axis the other way round, as many as given per batch. */
import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need } from "./refuse.ts";
import { axisOf } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

export const reverseSequence = defineOp({
  kind: "REVERSE_SEQUENCE",
  code: 112,
  options: "ReverseSequenceOptions",
  attributes: optionsOf("ReverseSequenceOptions"),
  operands: [activation("input"), index("lengths")],
  results: [sameAs("input")],
  infer: (inputs, { seqDim, batchDim }) => {
    const { dtype, shape } = need(inputs, 0, "input");
    axisOf(seqDim, shape.length);
    axisOf(batchDim, shape.length);
    return [{ dtype, shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "1.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
