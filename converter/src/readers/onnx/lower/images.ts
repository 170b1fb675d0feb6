/**
 * What convolutions and pools share: windows over 1, 2 or 3 axes, their padding in ONNX's terms and in TFLite's, and the
 * step between axes [N, C, L] and [N, 1, L, C]. Rules: ONNX Operators.md (auto_pad, ceil_mode); `tflite/kernels/padding.h`.
 */
import type { Shape, TensorId } from "../../../ir/graph.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { channelsFirst, channelsLast, padded, reshaped } from "./compose.ts";

export interface WindowAxis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  /** Of the result. */
  readonly output: number;
}

const reach = ({ kernel, dilation }: { kernel: number; dilation: number }): number => (kernel - 1) * dilation + 1;

/** One entry per spatial axis. `kernel`: the sizes of the window. */
export function windowOf(node: NodeBuilder, spatial: Shape, kernel: readonly number[]): readonly WindowAxis[] {
  const count = spatial.length;
  const ones = new Array<number>(count).fill(1);
  const strides = node.ints("strides") ?? ones;
  const dilations = node.ints("dilations") ?? ones;
  const pads = node.ints("pads") ?? new Array<number>(2 * count).fill(0);
  const auto = node.string("auto_pad", "NOTSET");
  const up = node.flag("ceil_mode", false);
  if ([strides.length, dilations.length, kernel.length, pads.length / 2].some((length) => length !== count))
    throw node.refusal(`its window does not have ${count} axes`);
  return spatial.map((size, axis) => {
    const facts = { size, kernel: kernel[axis] ?? 1, stride: strides[axis] ?? 1, dilation: dilations[axis] ?? 1 };
    if (facts.kernel < 1 || facts.stride < 1 || facts.dilation < 1) throw node.refusal("its window has no size");
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
      const output = Math.ceil(size / facts.stride);
      const total = Math.max((output - 1) * facts.stride + reach(facts) - size, 0);
      const less = Math.floor(total / 2);
      const before = auto === "SAME_UPPER" ? less : total - less;
      return { ...facts, before, after: total - before, output };
    }
    const [before, after] = auto === "VALID" ? [0, 0] : [pads[axis] ?? 0, pads[axis + count] ?? 0];
    if (before < 0 || after < 0) throw node.refusal("its padding is negative");
    const steps = (size + before + after - reach(facts)) / facts.stride;
    let output = (up ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // The last window must start inside the input or the padding in front of it.
    if (up && (output - 1) * facts.stride >= size + before) output -= 1;
    if (output < 1) throw node.refusal(`a window of ${reach(facts)} does not fit into a size of ${size}`);
    return { ...facts, before, after, output };
  });
}

/** Does TFLite's SAME pad exactly so? */
export const isSame = (axes: readonly WindowAxis[]): boolean =>
  axes.every((axis) => {
    const output = Math.ceil(axis.size / axis.stride);
    const total = Math.max((output - 1) * axis.stride + reach(axis) - axis.size, 0);
    return output === axis.output && axis.before === Math.floor(total / 2) && axis.after === total - axis.before;
  });

/** The padding that makes VALID give the result's sizes: the end grows in ceil mode, and shrinks to what is read. */
export const explicitPads = (axes: readonly WindowAxis[]): readonly (readonly [number, number])[] =>
  axes.map((axis) => {
    const read = (axis.output - 1) * axis.stride + reach(axis);
    return [axis.before, Math.max(read - axis.size - axis.before, 0)];
  });

/** Channels-last input, padded if TFLite's padding is not what is asked for, and the padding that is left. */
export function paddedInput(
  node: NodeBuilder,
  image: TensorId,
  axes: readonly WindowAxis[],
  value = 0,
): { readonly image: TensorId; readonly padding: "SAME" | "VALID" } {
  if (isSame(axes)) return { image, padding: "SAME" };
  const pads: (readonly [number, number])[] = [[0, 0], ...explicitPads(axes), [0, 0]];
  return { image: padded(node, "pad", image, pads, value), padding: "VALID" };
}

/** [N, C, L] as [N, C, 1, L]; with two axes or more it stays. */
export function asImage(node: NodeBuilder, role: string, id: TensorId): TensorId {
  const shape = node.shape(id);
  return shape.length === 3 ? reshaped(node, role, id, [shape[0] ?? 1, shape[1] ?? 1, 1, shape[2] ?? 1]) : id;
}

/** Channels last, and with two spatial axes at least. */
export const imageOf = (node: NodeBuilder, x: TensorId): TensorId =>
  channelsLast(node, "last", asImage(node, "image", x));

/** Back to ONNX's axes: `rank` as the operand's. */
export function fromImage(node: NodeBuilder, image: TensorId, rank: number): TensorId {
  const result = channelsFirst(node, "", image);
  if (rank !== 3) return result;
  const [batch = 1, channels = 1, , length = 1] = node.shape(result);
  return reshaped(node, "line", result, [batch, channels, length]);
}

/** A window over one axis as one over two. */
export const asPair = (axes: readonly WindowAxis[]): readonly WindowAxis[] =>
  axes.length === 1 ? [{ size: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, output: 1 }, ...axes] : axes;
