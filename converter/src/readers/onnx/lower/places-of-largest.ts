/**
 * The second result of ONNX's MaxPool: where in the flattened input each window's largest element lies, the first of equal
 * ones. The window is taken apart: each part is compared with the largest so far.
 */
import { elementCount, type Shape, type TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { greater } from "../../../ops/greater.ts";
import { maximum } from "../../../ops/maximum.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices } from "./compose.ts";
import type { WindowAxis } from "./images.ts";

const maxParts = 64;
/** Of the constant that says where windows begin. */
const maxElements = 2 ** 22;

/** `image`: channels last, padded already. Counted in the source's order: channels first, `column major` on request. */
export function placesOfLargest(node: NodeBuilder, image: TensorId, axes: readonly WindowAxis[]): TensorId {
  const parts = elementCount(axes.map(({ kernel }) => kernel));
  if (parts > maxParts)
    throw node.refusal(`its places come out of ${parts} parts; ${maxParts} at most are taken apart`);
  const padded = node.shape(image);
  const [batch = 1, channels = 1] = [padded[0], padded.at(-1)];
  const steps = stepsOf(
    axes.map(({ size }) => size),
    node.int("storage_order", 0) === 1,
  );
  let [largest, place] = [image, node.integers("place/0", [0], [])];
  for (const part of indices(parts)) {
    const at = positionOf(
      part,
      axes.map(({ kernel }) => kernel),
    );
    const begin = [0, ...axes.map(({ dilation }, axis) => (at[axis] ?? 0) * dilation), 0];
    const end = [
      batch,
      ...axes.map(({ stride, output }, axis) => (begin[axis + 1] ?? 0) + (output - 1) * stride + 1),
      channels,
    ];
    const taken = node.emit(stridedSlice, `part/${part}`, [
      image,
      node.integers(`begin/${part}`, begin),
      node.integers(`end/${part}`, end),
      node.integers(`steps/${part}`, [1, ...axes.map(({ stride }) => stride), 1]),
    ]);
    if (part === 0) {
      largest = taken;
      continue;
    }
    const offset = axes.reduce((sum, { dilation }, axis) => sum + (at[axis] ?? 0) * dilation * (steps[axis] ?? 1), 0);
    const above = node.emit(greater, `above/${part}`, [taken, largest]);
    place = node.emit(selectV2, `place/${part}`, [above, node.integers(`offset/${part}`, [offset], []), place]);
    if (part < parts - 1) largest = node.emit(maximum, `largest/${part}`, [taken, largest]);
  }
  return node.emit(add, "places", [place, windowStarts(node, [batch, channels], axes, steps)]);
}

/** How far apart neighbours along each axis lie. */
function stepsOf(sizes: Shape, columnMajor: boolean): number[] {
  const before = (axis: number) => sizes.slice(0, axis);
  const after = (axis: number) => sizes.slice(axis + 1);
  return sizes.map((_, axis) => elementCount(columnMajor ? before(axis) : after(axis)));
}

function windowStarts(
  node: NodeBuilder,
  [batch = 1, channels = 1]: Shape,
  axes: readonly WindowAxis[],
  steps: readonly number[],
): TensorId {
  const shape = [batch, ...axes.map(({ output }) => output), channels];
  const count = elementCount(shape);
  if (count > maxElements) throw node.refusal(`its places are ${count}; ${maxElements} at most are counted`);
  const plane = elementCount(axes.map(({ size }) => size));
  const starts = indices(count).map((index) => {
    const at = positionOf(index, shape);
    const [image = 0, channel = 0] = [at[0], at.at(-1)];
    const first = (image * channels + channel) * plane;
    return axes.reduce(
      (sum, { stride, before }, axis) => sum + ((at[axis + 1] ?? 0) * stride - before) * (steps[axis] ?? 1),
      first,
    );
  });
  return node.integers("starts", starts, shape);
}

function positionOf(index: number, shape: Shape): number[] {
  let rest = index;
  return shape
    .toReversed()
    .map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    })
    .toReversed();
}
