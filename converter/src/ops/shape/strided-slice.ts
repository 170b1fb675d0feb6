/**
 * What a strided slice takes from every axis of its input, masks worked in (`tflite/kernels/strided_slice.cc`,
 * `internal/strided_slice_logic.h`): an ellipsis stands for all axes not named, a new axis adds one of size 1,
 * a shrunk axis goes, begin and end masks mean "from the edge", `offset` makes `end` count from `begin`.
 */
import type { Shape } from "../../ir/graph.ts";
import { refuse } from "../refuse.ts";

export interface SliceMasks {
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
  readonly offset: boolean;
}

/** Per input axis: first index, step, and the result's axis it fills (null when it goes). */
export interface SlicedAxis {
  readonly start: number;
  readonly step: number;
  readonly resultAxis: number | null;
}

export function planSlice(
  input: Shape,
  begin: readonly number[],
  end: readonly number[],
  strides: readonly number[],
  masks: SliceMasks,
): { readonly shape: Shape; readonly axes: readonly SlicedAxis[] } {
  const given = begin.length;
  if (end.length !== given || strides.length !== given) throw refuse("begin, end and strides differ in length.");
  const has = (mask: number, i: number): boolean => ((mask >> i) & 1) === 1;
  const added = begin.filter((_, i) => has(masks.newAxisMask, i)).length;
  const ellipses = begin.filter((_, i) => has(masks.ellipsisMask, i)).length;
  const named = given - added - ellipses;
  if (named > input.length || ellipses > 1) throw refuse(`It names ${named} axes of an input of rank ${input.length}.`);

  const shape: number[] = [];
  const axes: SlicedAxis[] = [];
  const keepWhole = (): void => {
    const size = input[axes.length] ?? -1;
    axes.push({ start: 0, step: 1, resultAxis: shape.length });
    shape.push(size);
  };
  for (let i = 0; i < given; i++) {
    if (has(masks.ellipsisMask, i)) {
      for (let k = named; k < input.length; k++) keepWhole();
    } else if (has(masks.newAxisMask, i)) {
      shape.push(1);
    } else {
      const size = input[axes.length] ?? -1;
      const [from = 0, to = 0, step = 1] = [begin[i], end[i], strides[i]];
      if (step === 0) throw refuse("A stride of 0 takes nothing.");
      if (has(masks.shrinkAxisMask, i)) {
        const start = from < 0 && size !== -1 ? from + size : from;
        if (size !== -1 && (start < 0 || start >= size))
          throw refuse(`The index ${from} is outside an axis of size ${size}.`);
        axes.push({ start, step: 1, resultAxis: null });
        continue;
      }
      const edges = {
        from: has(masks.beginMask, i) ? null : from,
        to: has(masks.endMask, i) ? null : masks.offset ? from + to : to,
      };
      const { start, length } = sliceOf(size, edges, step);
      axes.push({ start, step, resultAxis: shape.length });
      shape.push(length);
    }
  }
  while (axes.length < input.length) keepWhole();
  return { shape, axes };
}

/** First index and number of elements of `[from:to:step]`, edges clamped; null is the edge of the axis. */
function sliceOf(
  size: number,
  { from, to }: { from: number | null; to: number | null },
  step: number,
): { start: number; length: number } {
  if (size === -1) return { start: from ?? 0, length: -1 };
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (at: number): number => Math.min(high, Math.max(low, at < 0 ? at + size : at));
  const start = from === null ? (step > 0 ? 0 : size - 1) : clamp(from);
  const stop = to === null ? (step > 0 ? size : -1) : clamp(to);
  return { start, length: Math.max(0, Math.ceil((stop - start) / step)) };
}
