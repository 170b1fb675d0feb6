/** Its operand stretched to a constant shape. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { spreadTo } from "./evaluate/rearrange.ts";
import { stretched } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, integersOfConstant, lengthOf, unknownShape } from "./shape/axis.ts";
import { broadcastShapes } from "./shape/broadcast.ts";
import { inputDType } from "./version-rules.ts";

export const broadcastTo = defineOp({
  kind: "BROADCAST_TO",
  code: 130,
  options: "BroadcastToOptions",
  attributes: optionsOf("BroadcastToOptions"),
  operands: [activation("input"), index("shape")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const operand = need(inputs, 1, "shape");
    const shape = integersOf(operand) ?? unknownShape(lengthOf(operand));
    if (broadcastShapes(input.shape, shape).some((size, axis) => shape[axis] !== -1 && size !== shape[axis]))
      throw refuse(`[${input.shape.join(", ")}] does not stretch to [${shape.join(", ")}].`);
    return [{ dtype: input.dtype, shape }];
  },
  evaluate: ([input, shape]) => {
    const result = input && shape ? spreadTo(input, integersOfConstant(shape)) : null;
    return result && [result];
  },
  layout: stretched,
  raise: raiseAs("BroadcastTo", 2),
  int8: true,
  int16: {},
  version: (use) => (inputDType(use, 0) === "int8" || inputDType(use, 0) === "int16" ? 3 : 2),
  minRuntime: { 2: "2.5.0", 3: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
