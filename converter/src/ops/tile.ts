/** Repeats its operand along every axis as often as a constant says. */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { perAxis } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, integersOfConstant, unknownShape } from "./shape/axis.ts";
import { byInput } from "./version-rules.ts";

export const tile = defineOp({
  kind: "TILE",
  code: 69,
  options: "TileOptions",
  attributes: optionsOf("TileOptions"),
  operands: [activation("input"), index("multiples")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const multiples = integersOf(need(inputs, 1, "multiples"));
    if (!multiples) return [{ dtype: input.dtype, shape: unknownShape(input.shape.length) }];
    if (multiples.length !== input.shape.length || multiples.some((times) => times < 0))
      throw refuse(`[${multiples.join(", ")}] does not fit the shape [${input.shape.join(", ")}].`);
    return [
      {
        dtype: input.dtype,
        shape: input.shape.map((size, axis) => (size === -1 ? -1 : size * (multiples[axis] ?? 1))),
      },
    ];
  },
  evaluate: ([input, multiples]) => {
    if (!input || !multiples) return null;
    const times = integersOfConstant(multiples);
    const strides = stridesOf(input.shape);
    const shape = input.shape.map((size, axis) => size * (times[axis] ?? 1));
    const result = takeElements(input, shape, (position) =>
      position.reduce((sum, at, axis) => sum + (at % (input.shape[axis] ?? 1)) * (strides[axis] ?? 0), 0),
    );
    return result && [result];
  },
  layout: perAxis([1]),
  raise: raiseAs("Tile", 2),
  int8: true,
  version: byInput(0, { string: 2, int8: 3 }),
  minRuntime: { 1: "1.10.1", 2: "2.2.0", 3: "2.8.0" },
  fusedActivations: [],
  macs: noMacs,
});
