/** A block of its operand: where it begins and how large it is; a size of -1 reaches to the end. */

import type { Shape } from "../ir/graph.ts";
import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { perAxis } from "./layout/follow.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseAs } from "./raise/simple.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, integersOfConstant, unknownShape } from "./shape/axis.ts";
import { inputDType, inputRank } from "./version-rules.ts";

function blockOf(shape: Shape, begin: readonly number[], size: readonly number[]): Shape {
  if (begin.length !== shape.length || size.length !== shape.length)
    throw refuse(`It needs ${shape.length} begins and sizes and has ${begin.length} and ${size.length}.`);
  return shape.map((whole, axis) => {
    const [from = 0, take = 0] = [begin[axis], size[axis]];
    const length = take === -1 && whole !== -1 ? whole - from : take;
    if (from < 0 || length < -1 || (whole !== -1 && from + length > whole))
      throw refuse(`A block of ${take} from ${from} on is outside axis ${axis} of size ${whole}.`);
    return length;
  });
}

export const slice = defineOp({
  kind: "SLICE",
  code: 65,
  options: "SliceOptions",
  attributes: optionsOf("SliceOptions"),
  operands: [activation("input"), index("begin"), index("size")],
  results: [sameAs("input")],
  infer: (inputs) => {
    const input = need(inputs, 0, "input");
    const [begin, size] = [integersOf(need(inputs, 1, "begin")), integersOf(need(inputs, 2, "size"))];
    return [
      {
        dtype: input.dtype,
        shape: begin && size ? blockOf(input.shape, begin, size) : unknownShape(input.shape.length),
      },
    ];
  },
  evaluate: ([input, begin, size]) => {
    if (!input || !begin || !size) return null;
    const start = integersOfConstant(begin);
    const strides = stridesOf(input.shape);
    const block = takeElements(input, blockOf(input.shape, start, integersOfConstant(size)), (position) =>
      position.reduce((sum, x, axis) => sum + (x + (start[axis] ?? 0)) * (strides[axis] ?? 0), 0),
    );
    return block && [block];
  },
  layout: perAxis([1, 2]),
  raise: raiseAs("Slice", 3),
  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    if (dtype === "int4") return 7;
    if (dtype === "uint32") return 6;
    if (inputRank(use, 0) > 4) return 5;
    return dtype === "int16" ? 4 : dtype === "string" ? 3 : dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.14.0", 2: "1.14.0", 3: "1.14.0", 4: "2.4.0", 5: "2.5.0", 6: "2.14.0", 7: "2.21.0" },
  fusedActivations: [],
  macs: noMacs,
});
