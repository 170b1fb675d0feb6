/**
 * StridedSlice with its masks. TFLite has the same operator, but old runtimes know neither ellipsis nor new axes: with
 * those the slice is written out axis by axis, and a reshape adds and drops axes.
 */
import { planSlice } from "../../../ops/shape/strided-slice.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import type { TfLowering } from "./tf-lowering.ts";

export const stridedSliceLowering: TfLowering = {
  ops: ["StridedSlice"],
  lower: (node) => {
    const input = node.input(0);
    const shape = node.shapeOf(input);
    const masks = {
      beginMask: node.intAttr("begin_mask", 0),
      endMask: node.intAttr("end_mask", 0),
      ellipsisMask: node.intAttr("ellipsis_mask", 0),
      newAxisMask: node.intAttr("new_axis_mask", 0),
      shrinkAxisMask: node.intAttr("shrink_axis_mask", 0),
      offset: false,
    };
    const begin = node.integers(1, "beginning");
    const [end, strides] = [node.integers(2, "end"), node.integers(3, "strides")];
    const plan = planSlice(shape, begin, end, strides, masks);
    const whole = plan.axes.every(
      ({ start, step, resultAxis }, axis) =>
        start === 0 && step === 1 && (resultAxis === null ? 1 : plan.shape[resultAxis]) === shape[axis],
    );
    if (whole) return node.reshaped(input, plan.shape);
    if (masks.ellipsisMask === 0 && masks.newAxisMask === 0) {
      const operands = [begin, end, strides].map((values, at) =>
        node.intsConstant(["begin", "end", "strides"][at] ?? "", values),
      );
      return node.emit(stridedSlice, [input, ...operands], masks);
    }
    const lengths = plan.axes.map(({ resultAxis }) => (resultAxis === null ? 1 : (plan.shape[resultAxis] ?? 0)));
    const starts = plan.axes.map(({ start }) => start);
    const steps = plan.axes.map(({ step }) => step);
    // A negative step that runs past the front ends at "the edge", which only the mask can say.
    const ends = plan.axes.map(({ start, step }, axis) => start + step * (lengths[axis] ?? 0));
    const endMask = ends.reduce((mask, at, axis) => (at < 0 ? mask | (1 << axis) : mask), 0);
    const sliced = node.emit(
      stridedSlice,
      [input, node.intsConstant("begin", starts), node.intsConstant("end", ends), node.intsConstant("strides", steps)],
      { endMask },
      "slice",
    );
    return node.reshaped(sliced, plan.shape);
  },
};
