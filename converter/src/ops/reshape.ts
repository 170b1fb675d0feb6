/** The same elements under another shape: the operand "shape" if there is one, else the attribute. One size may be -1. */

import type { Shape } from "../ir/graph.ts";
import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { reshaped } from "./evaluate/rearrange.ts";
import { followReshape } from "./layout/follow-reshape.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { reshapeTarget } from "./raise/axes.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, integersOfConstant, knownCount, lengthOf, unknownShape } from "./shape/axis.ts";
import { always1 } from "./version-rules.ts";

/** Old files say [0] for a scalar (tflite/kernels/reshape.cc). */
const legacy = (newShape: Shape): Shape => (newShape.length === 1 && newShape[0] === 0 ? [] : newShape);

/** The target with its -1 worked out; it stays where the input's size is not known. */
function resolve(from: Shape, target: Shape): Shape {
  const open = target.indexOf(-1);
  const count = knownCount(from);
  const rest = target.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const fits = open === -1 ? rest === count : rest > 0 && count % rest === 0;
  if (target.some((size) => size < -1) || target.lastIndexOf(-1) !== open || (count !== -1 && !fits))
    throw refuse(`[${from.join(", ")}] cannot be reshaped to [${target.join(", ")}].`);
  return open === -1 || count === -1 ? target : target.map((size) => (size === -1 ? count / rest : size));
}

export const reshape = defineOp({
  kind: "RESHAPE",
  code: 22,
  options: "ReshapeOptions",
  attributes: optionsOf("ReshapeOptions"),
  operands: [activation("input"), index("shape", true)],
  results: [sameAs("input")],
  infer: (inputs, attributes) => {
    const input = need(inputs, 0, "input");
    const operand = inputs[1];
    const target = operand ? integersOf(operand) : legacy(attributes.newShape);
    if (!target) return [{ dtype: input.dtype, shape: unknownShape(operand ? lengthOf(operand) : 0) }];
    return [{ dtype: input.dtype, shape: resolve(input.shape, target) }];
  },
  evaluate: ([input, shape], { newShape }) => {
    if (!input) return null;
    const target = shape ? integersOfConstant(shape) : legacy(newShape);
    return [reshaped(input, resolve(input.shape, target))];
  },
  layout: followReshape,
  raise: (use, to) => [to.node("Reshape", [to.operand(0), reshapeTarget(to, use.outputs[0])])],
  int8: true,
  int16: {},
  version: always1,
  minRuntime: { 1: "1.5.0" },
  fusedActivations: [],
  macs: noMacs,
});
