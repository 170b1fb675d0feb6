/**
 * Raising of STRIDED_SLICE, masks worked in: steps of 1 are a Slice, steps backwards a ReverseV2 first (the WASM kernel
 * of tfjs takes other elements then), axes that come or go a Reshape.
 */
import type { Shape } from "../../ir/graph.ts";
import { integersOf } from "../shape/axis.ts";
import { planSlice, type SlicedAxis, type SliceMasks } from "../shape/strided-slice.ts";
import { reshapeTarget } from "./axes.ts";
import { notRaised, type Raise, type Ref, type TensorFlowNodes } from "./tensorflow-nodes.ts";

type SliceAttributes = { readonly [K in keyof SliceMasks]: SliceMasks[K] };

export const raiseStridedSlice: Raise<SliceAttributes> = ({ attributes, inputs, outputs }, to) => {
  const input = inputs[0]?.shape ?? [];
  const [begin, end, strides] = [1, 2, 3].map((i) => (inputs[i] ? integersOf(inputs[i]) : null));
  if (!begin || !end || !strides || input.includes(-1) || outputs[0]?.shape.includes(-1))
    throw notRaised("what it takes is known only in the run");
  const { shape, axes } = planSlice(input, begin, end, strides, attributes);
  const taken = takenOf(to, input, axes, shape);
  const kept = axes.every(({ resultAxis }, axis) => resultAxis === axis) && shape.length === input.length;
  return [kept ? taken : to.node("Reshape", [taken, reshapeTarget(to, outputs[0])])];
};

function takenOf(to: TensorFlowNodes, input: Shape, axes: readonly SlicedAxis[], shape: Shape): Ref {
  const lengths = axes.map(({ resultAxis }) => (resultAxis === null ? 1 : (shape[resultAxis] ?? 1)));
  const list = (values: readonly number[]): Ref => to.constant("int32", values);
  if (axes.every(({ step }) => step === 1))
    return to.node("Slice", [to.operand(0), list(axes.map(({ start }) => start)), list(lengths)]);
  const backwards = axes.flatMap(({ step }, axis) => (step < 0 ? [axis] : []));
  const value = backwards.length > 0 ? to.node("ReverseV2", [to.operand(0), list(backwards)]) : to.operand(0);
  const begins = axes.map(({ start, step }, axis) => (step < 0 ? (input[axis] ?? 1) - 1 - start : start));
  const steps = axes.map(({ step }) => Math.abs(step));
  const ends = begins.map((from, axis) => {
    const length = lengths[axis] ?? 1;
    return length === 0 ? from : from + (length - 1) * (steps[axis] ?? 1) + 1;
  });
  return to.node("StridedSlice", [value, list(begins), list(ends), list(steps)]);
}
