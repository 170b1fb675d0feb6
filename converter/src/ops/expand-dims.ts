/** Puts an axis of size 1 in front of the one named. */

import type { Shape } from "../ir/graph.ts";
import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { reshaped } from "./evaluate/rearrange.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { reshapeTarget } from "./raise/axes.ts";
import { need } from "./refuse.ts";
import { axisOf, integersOf, integersOfConstant, unknownShape } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

const expanded = (shape: Shape, [axis = 0]: readonly number[]): Shape =>
  shape.toSpliced(axisOf(axis, shape.length + 1), 0, 1);

export const expandDims = defineOp({
  kind: "EXPAND_DIMS",
  code: 70,
  options: "ExpandDimsOptions",
  attributes: optionsOf("ExpandDimsOptions"),
  operands: [activation("input"), index("axis")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const axis = integersOf(need(inputs, 1, "axis"));
    if (!axis) return [{ dtype: input.dtype, shape: unknownShape(input.shape.length + 1) }];
    return [{ dtype: input.dtype, shape: expanded(input.shape, axis) }];
  },
  evaluate: ([input, axis]) =>
    input && axis ? [reshaped(input, expanded(input.shape, integersOfConstant(axis)))] : null,
  layout: barrier,
  raise: (use, to) => [to.node("Reshape", [to.operand(0), reshapeTarget(to, use.outputs[0])])],
  int8: true,
  int16: {},
  version: always1,
  minRuntime: { 1: "1.10.0" },
  fusedActivations: [],
  macs: noMacs,
});
