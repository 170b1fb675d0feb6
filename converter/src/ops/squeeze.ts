/** Drops axes of size 1: those of `squeezeDims`, or all of them when it is empty. */

import type { Shape } from "../ir/graph.ts";
import { activation, defineOp, sameAs } from "./define-op.ts";
import { reshaped } from "./evaluate/rearrange.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { reshapeTarget } from "./raise/axes.ts";
import { need, refuse } from "./refuse.ts";
import { axisOf } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

function squeezed(shape: Shape, dims: readonly number[]): Shape {
  if (dims.length === 0) {
    if (shape.includes(-1)) throw refuse("Which axes have size 1 is not known before the run.");
    return shape.filter((size) => size !== 1);
  }
  const gone = new Set(dims.map((axis) => axisOf(axis, shape.length)));
  for (const axis of gone)
    if (shape[axis] !== 1 && shape[axis] !== -1) throw refuse(`Axis ${axis} has the size ${shape[axis]}, not 1.`);
  return shape.filter((_, axis) => !gone.has(axis));
}

export const squeeze = defineOp({
  kind: "SQUEEZE",
  code: 43,
  options: "SqueezeOptions",
  attributes: optionsOf("SqueezeOptions"),
  operands: [activation("input")],
  results: [sameAs("input")],
  infer: (inputs, { squeezeDims }) => {
    const input = need(inputs, 0, "input");
    return [{ dtype: input.dtype, shape: squeezed(input.shape, squeezeDims) }];
  },
  evaluate: ([input], { squeezeDims }) => (input ? [reshaped(input, squeezed(input.shape, squeezeDims))] : null),
  layout: barrier,
  raise: (use, to) => [to.node("Reshape", [to.operand(0), reshapeTarget(to, use.outputs[0])])],
  int8: true,
  int16: {},
  version: byInput(0, { string: 2 }),
  minRuntime: { 1: "1.6.0", 2: "2.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
