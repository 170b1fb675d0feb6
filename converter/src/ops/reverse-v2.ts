/** The other way round along constant axes. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { namedAxes } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { axisOf, integersOfConstant } from "./shape/axis.ts";
import { sameAsInput } from "./shape/same.ts";
import { byInput } from "./version-rules.ts";

export const reverseV2 = defineOp({
  kind: "REVERSE_V2",
  code: 105,
  options: "ReverseV2Options",
  attributes: optionsOf("ReverseV2Options"),
  operands: [activation("input"), index("axes")],
  results: [sameAs("input")],
  infer: sameAsInput,
  evaluate: ([input, axes]) => {
    if (!input || !axes) return null;
    const turned = new Set(integersOfConstant(axes).map((axis) => axisOf(axis, input.shape.length)));
    const strides = stridesOf(input.shape);
    const result = takeElements(input, input.shape, (position) =>
      position.reduce((sum, x, axis) => {
        const at = turned.has(axis) ? (input.shape[axis] ?? 1) - 1 - x : x;
        return sum + at * (strides[axis] ?? 0);
      }, 0),
    );
    return result && [result];
  },
  layout: namedAxes(1),
  raise: raiseAs("ReverseV2", 2),
  int8: true,
  int16: {},
  version: byInput(0, { bool: 2, int8: 3 }),
  minRuntime: { 1: "1.14.0", 2: "2.2.0", 3: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
