/** `x` where positive, else `alpha · x`, alpha broadcast. */

import { activation, defineOp, free } from "./define-op.ts";
import { evaluateBinary } from "./evaluate/elementwise.ts";
import { elementwise } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { raisePrelu } from "./raise/prelu.ts";
import { need, refuse } from "./refuse.ts";
import { broadcastOfTwo } from "./shape/same.ts";
import { always1 } from "./version-rules.ts";

export const prelu = defineOp({
  kind: "PRELU",
  code: 54,
  options: null,
  attributes: {},
  operands: [activation("input"), activation("alpha")],
  results: [free],
  infer: (inputs) => {
    const [result] = broadcastOfTwo(inputs);
    const input = need(inputs, 0, "input");
    if (result?.shape.join() !== input.shape.join()) throw refuse("alpha does not broadcast to the input.");
    return [{ dtype: input.dtype, shape: input.shape }];
  },
  evaluate: (inputs) => evaluateBinary(inputs, (x, alpha) => (x < 0 ? x * alpha : x)),
  layout: elementwise,
  raise: raisePrelu,
  int8: true,
  version: always1,
  minRuntime: { 1: "1.8.0" },
  fusedActivations: [],
  macs: noMacs,
});
