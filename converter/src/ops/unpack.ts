/** Cuts its operand into slices along an axis, which goes. */

import { activation, defineOp, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { unstackedAlong } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { int } from "./raise/attributes.ts";
import { checkParts, need, refuse } from "./refuse.ts";
import { axisOf } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const unpack = defineOp({
  kind: "UNPACK",
  code: 88,
  options: "UnpackOptions",
  attributes: optionsOf("UnpackOptions", { num: 1 }),
  operands: [activation("input")],
  results: [sameAs("input")],
  manyResults: true,
  infer: (inputs, { axis, num }, stored) => {
    const input = need(inputs, 0, "input");
    const at = axisOf(axis, input.shape.length);
    checkParts(num, stored);
    if (input.shape[at] !== num && input.shape[at] !== -1)
      throw refuse(`Axis ${axis} has ${input.shape[at]} slices, not ${num}.`);
    const slice = { dtype: input.dtype, shape: input.shape.toSpliced(at, 1) };
    return Array.from({ length: num }, () => slice);
  },
  evaluate: ([input], { axis, num }) => {
    if (!input) return null;
    const at = axisOf(axis, input.shape.length);
    const strides = stridesOf(input.shape);
    const shape = input.shape.toSpliced(at, 1);
    const slices = Array.from({ length: num }, (_, i) =>
      takeElements(input, shape, (position) =>
        position.toSpliced(at, 0, i).reduce((sum, coordinate, k) => sum + coordinate * (strides[k] ?? 0), 0),
      ),
    ).filter((slice) => slice !== null);
    return slices.length === num ? slices : null;
  },
  layout: unstackedAlong,
  raise: ({ attributes: { axis, num }, inputs }, to) => {
    const at = axisOf(axis, inputs[0]?.shape.length ?? 0);
    return to.nodes("Unpack", [to.operand(0)], { num: int(num), axis: int(at) }, num);
  },
  int8: true,
  int16: {},
  version: byInput(0, { int8: 2, uint8: 2, bool: 3, int16: 4, float16: 5 }),
  minRuntime: { 1: "1.11.0", 2: "1.14.0", 3: "2.2.0", 4: "2.3.0", 5: "2.22.0" },
  fusedActivations: [],
  macs: noMacs,
});
