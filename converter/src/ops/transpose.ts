/** Permutes the axes: axis i of the result is axis `permutation[i]` of the input. */

import type { Shape } from "../ir/graph.ts";
import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { composed } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { axisOf, integersOf, integersOfConstant, unknownShape } from "./shape/axis.ts";
import { inputDType, inputRank } from "./version-rules.ts";

function axesOf(shape: Shape, permutation: readonly number[]): readonly number[] {
  const axes = permutation.map((axis) => axisOf(axis, shape.length));
  if (axes.length !== shape.length || new Set(axes).size !== axes.length)
    throw refuse(`[${permutation.join(", ")}] is no permutation of ${shape.length} axes.`);
  return axes;
}

export const transpose = defineOp({
  kind: "TRANSPOSE",
  code: 39,
  options: "TransposeOptions",
  attributes: optionsOf("TransposeOptions"),
  operands: [activation("input"), index("permutation")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const permutation = integersOf(need(inputs, 1, "permutation"));
    if (!permutation) return [{ dtype: input.dtype, shape: unknownShape(input.shape.length) }];
    const shape = axesOf(input.shape, permutation).map((axis) => input.shape[axis] ?? -1);
    return [{ dtype: input.dtype, shape }];
  },
  evaluate: ([input, permutation]) => {
    if (!input || !permutation) return null;
    const axes = axesOf(input.shape, integersOfConstant(permutation));
    const strides = stridesOf(input.shape);
    const shape = axes.map((axis) => input.shape[axis] ?? 0);
    const result = takeElements(input, shape, (position) =>
      position.reduce((sum, at, i) => sum + at * (strides[axes[i] ?? 0] ?? 0), 0),
    );
    return result && [result];
  },
  layout: composed,
  raise: raiseAs("Transpose", 2),
  int8: true,
  int16: {},
  version: (use) => {
    const [dtype, rank] = [inputDType(use, 0), inputRank(use, 0)];
    if (rank > 6) return 8;
    if (dtype === "int4") return 7;
    if (rank > 5) return 6;
    if (dtype === "int16") return 5;
    if (rank > 4) return 4;
    return dtype === "bool" ? 3 : dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.6.0", 2: "1.14.0", 3: "1.15.0", 4: "2.3.0", 5: "2.4.0", 6: "2.12.0", 7: "2.14.4", 8: "2.22.0" },
  fusedActivations: [],
  macs: noMacs,
});
