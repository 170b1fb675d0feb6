/** Slices of "params" at the positions that the last axis of "indices" holds. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { byInput, inputDType } from "./version-rules.ts";

export const gatherNd = defineOp({
  kind: "GATHER_ND",
  code: 107,
  options: "GatherNdOptions",
  attributes: optionsOf("GatherNdOptions"),
  operands: [activation("params"), index("indices")],
  results: [sameAs("params")],
  infer: (inputs) => {
    const params = need(inputs, 0, "params");
    const indices = need(inputs, 1, "indices");
    const depth = indices.shape.at(-1) ?? 0;
    if (depth < 1 || depth > params.shape.length)
      throw refuse(`Positions of ${depth} numbers in rank ${params.shape.length}.`);
    return [{ dtype: params.dtype, shape: [...indices.shape.slice(0, -1), ...params.shape.slice(depth)] }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseAs("GatherNd", 2),
  int8: true,
  int16: {},
  version: (use) => {
    if (inputDType(use, 0) === "bool") return 5;
    if (inputDType(use, 1) === "int16") return 4;
    return byInput(0, { int16: 3, string: 2 })(use);
  },
  minRuntime: { 1: "1.14.0", 2: "2.3.0", 3: "2.5.0", 4: "2.13.0", 5: "2.16.0" },
  fusedActivations: [],
  macs: noMacs,
});
