/** Cuts its operand along a constant axis into parts of constant sizes, one of which may be -1. */

import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { namedAxes } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { operandsOf } from "./raise/simple.ts";
import { checkParts, need, refuse } from "./refuse.ts";
import { axisOf, integersOf, unknownShape } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const splitV = defineOp({
  kind: "SPLIT_V",
  code: 102,
  options: "SplitVOptions",
  attributes: optionsOf("SplitVOptions", { numSplits: 1 }),
  operands: [activation("input"), index("sizes"), index("axis")],
  results: [sameAs("input")],
  manyResults: true,
  infer: (inputs, { numSplits }, stored) => {
    const input = need(inputs, 0, "input");
    const [sizes, axis] = [integersOf(need(inputs, 1, "sizes")), integersOf(need(inputs, 2, "axis"))];
    checkParts(numSplits, stored);
    if (!sizes || !axis)
      return Array.from({ length: numSplits }, () => ({ dtype: input.dtype, shape: unknownShape(input.shape.length) }));
    const at = axisOf(axis[0] ?? 0, input.shape.length);
    const whole = input.shape[at] ?? -1;
    const known = sizes.reduce((sum, size) => (size === -1 ? sum : sum + size), 0);
    const open = sizes.filter((size) => size === -1).length;
    const fits = open === 0 ? known === whole : open === 1 && known <= whole;
    if (sizes.length !== numSplits || sizes.some((size) => size < -1) || (whole !== -1 && !fits))
      throw refuse(`Axis ${at} of size ${whole} cannot be cut into [${sizes.join(", ")}].`);
    return sizes.map((size) => ({
      dtype: input.dtype,
      shape: input.shape.with(at, size === -1 && whole !== -1 ? whole - known : size),
    }));
  },
  evaluate: unsupported("left to the runtime"),
  layout: namedAxes(2),
  raise: ({ attributes: { numSplits } }, to) =>
    to.nodes("SplitV", operandsOf(to, 3), { num_split: int(numSplits) }, numSplits),
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2 }),
  minRuntime: { 1: "1.13.1", 2: "2.3.0" },
  fusedActivations: [],
  macs: noMacs,
});
