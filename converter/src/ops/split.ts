/** Cuts its operand into equal parts along a constant axis. */

import type { Shape } from "../ir/graph.ts";
import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { namedAxes } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { checkParts, need, refuse } from "./refuse.ts";
import { axisOf, integersOf, integersOfConstant, unknownShape } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

function partOf(shape: Shape, [axis = 0]: readonly number[], parts: number): Shape {
  const at = axisOf(axis, shape.length);
  const size = shape[at] ?? -1;
  if (size !== -1 && size % parts !== 0)
    throw refuse(`Axis ${axis} of size ${size} cannot be cut into ${parts} parts.`);
  return shape.with(at, size === -1 ? -1 : size / parts);
}

export const split = defineOp({
  kind: "SPLIT",
  code: 49,
  options: "SplitOptions",
  attributes: optionsOf("SplitOptions", { numSplits: 1 }),
  operands: [index("axis"), activation("input")],
  results: [sameAs("input")],
  manyResults: true,
  infer: (inputs, { numSplits }, stored) => {
    const input = need(inputs, 1, "input");
    const axis = integersOf(need(inputs, 0, "axis"));
    checkParts(numSplits, stored);
    const part = {
      dtype: input.dtype,
      shape: axis ? partOf(input.shape, axis, numSplits) : unknownShape(input.shape.length),
    };
    return Array.from({ length: numSplits }, () => part);
  },
  evaluate: ([axis, input], { numSplits }) => {
    if (!axis || !input) return null;
    const [along = 0] = integersOfConstant(axis);
    const at = axisOf(along, input.shape.length);
    const shape = partOf(input.shape, [along], numSplits);
    const strides = stridesOf(input.shape);
    const parts = Array.from({ length: numSplits }, (_, i) =>
      takeElements(input, shape, (position) =>
        position.reduce((sum, x, k) => sum + (k === at ? x + i * (shape[at] ?? 0) : x) * (strides[k] ?? 0), 0),
      ),
    ).filter((part) => part !== null);
    return parts.length === numSplits ? parts : null;
  },
  layout: namedAxes(0, 1),
  raise: ({ attributes: { numSplits } }, to) =>
    to.nodes("Split", [to.operand(0), to.operand(1)], { num_split: int(numSplits) }, numSplits),
  int8: true,
  int16: {},
  version: byInput(1, { int8: 2, int32: 3, int16: 4 }),
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "1.14.0", 4: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
