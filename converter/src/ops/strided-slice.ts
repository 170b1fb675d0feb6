/** Slices as in NumPy: begin, end and stride per axis, with masks (`tflite/kernels/strided_slice.cc`). */

import { activation, defineOp, index, sameAs } from "./define-op.ts";
import { stridesOf, takeElements } from "./evaluate/rearrange.ts";
import { slicedAlong } from "./layout/follow-axes.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseStridedSlice } from "./raise/strided-slice.ts";
import { need, refuse } from "./refuse.ts";
import { integersOf, integersOfConstant, lengthOf, unknownShape } from "./shape/axis.ts";
import { planSlice } from "./shape/strided-slice.ts";
import { inputDType, inputRank } from "./version-rules.ts";

export const stridedSlice = defineOp({
  kind: "STRIDED_SLICE",
  code: 45,
  options: "StridedSliceOptions",
  attributes: optionsOf("StridedSliceOptions"),
  operands: [activation("input"), index("begin"), index("end"), index("strides")],
  results: [sameAs("input")],
  infer: (inputs, masks) => {
    const input = need(inputs, 0, "input");
    const [begin, end, strides] = [1, 2, 3].map((i) => integersOf(need(inputs, i, "begin, end or strides")));
    if (begin && end && strides)
      return [{ dtype: input.dtype, shape: planSlice(input.shape, begin, end, strides, masks).shape }];
    const given = lengthOf(need(inputs, 1, "begin"));
    if (masks.ellipsisMask !== 0 || given < 0) throw refuse("Its rank is not known before the run.");
    const bits = (mask: number): number =>
      Array.from({ length: given }, (_, i) => (mask >> i) & 1).reduce((a, b) => a + b, 0);
    const added = bits(masks.newAxisMask);
    return [
      {
        dtype: input.dtype,
        shape: unknownShape(input.shape.length + added - bits(masks.shrinkAxisMask & ~masks.newAxisMask)),
      },
    ];
  },
  evaluate: ([input, begin, end, strides], masks) => {
    if (!input || !begin || !end || !strides) return null;
    const [from, to, by] = [begin, end, strides].map(integersOfConstant);
    const { shape, axes } = planSlice(input.shape, from ?? [], to ?? [], by ?? [], masks);
    const sourceStrides = stridesOf(input.shape);
    const result = takeElements(input, shape, (position) =>
      axes.reduce(
        (sum, { start, step, resultAxis }, axis) =>
          sum + (start + step * (resultAxis === null ? 0 : (position[resultAxis] ?? 0))) * (sourceStrides[axis] ?? 0),
        0,
      ),
    );
    return result && [result];
  },
  layout: slicedAlong,
  raise: raiseStridedSlice,

  int8: true,
  int16: {},
  version: (use) => {
    const dtype = inputDType(use, 0);
    const { offset, ellipsisMask, newAxisMask } = use.attributes;
    if (offset) return 8;
    if (dtype === "uint32") return 7;
    if (ellipsisMask !== 0 || newAxisMask !== 0) return 6;
    if (dtype === "string") return 5;
    if (inputRank(use, 0) > 4) return 4;
    return dtype === "bool" ? 3 : dtype === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.6.0", 2: "1.14.0", 3: "2.1.0", 4: "2.2.0", 5: "2.5.0", 6: "2.6.0", 7: "2.14.0", 8: "2.14.0" },
  fusedActivations: [],
  macs: noMacs,
});
