/** Zeros of a given shape, with updates added at the positions that the last axis of "indices" holds. */

import { activation, defineOp, free, index, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, lengthOf, unknownShape } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

export const scatterNd = defineOp({
  kind: "SCATTER_ND",
  code: 122,
  options: "ScatterNdOptions",
  attributes: optionsOf("ScatterNdOptions"),
  operands: [index("indices"), activation("updates"), index("shape")],
  results: [free],
  infer: (inputs) => {
    const indices = need(inputs, 0, "indices");
    const { dtype } = need(inputs, 1, "updates");
    const shape = need(inputs, 2, "shape");
    const sizes = integersOf(shape) ?? unknownShape(lengthOf(shape));
    const depth = indices.shape.at(-1) ?? 0;
    if (depth > sizes.length || sizes.some((size) => size < -1))
      throw refuse(`Positions of ${depth} numbers in the shape [${sizes.join(", ")}].`);
    return [{ dtype, shape: sizes }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: raiseAs("ScatterNd", 3),
  int8: unsupported("its kernel fills with the number 0 and adds integers without a scale"),
  version: always1,
  minRuntime: { 1: "2.1.0" },
  fusedActivations: [],
  macs: noMacs,
});
