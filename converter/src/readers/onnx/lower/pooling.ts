/**
 * Pools over one, two and three axes. TFLite's operators know SAME and VALID and no dilation: other padding is added in
 * front, an average is corrected where a window counts fewer elements, and a dilated or 3-D pool becomes the largest (or
 * the sum) of strided parts.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { averagePool2d } from "../../../ops/average-pool-2d.ts";
import { logistic } from "../../../ops/logistic.ts";
import { maxPool2d } from "../../../ops/max-pool-2d.ts";
import { maximum } from "../../../ops/maximum.ts";
import { mean } from "../../../ops/mean.ts";
import { mul } from "../../../ops/mul.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { reshape } from "../../../ops/reshape.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { stridedSlice } from "../../../ops/strided-slice.ts";
import { sum } from "../../../ops/sum.ts";
import { transpose } from "../../../ops/transpose.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices, padded } from "./compose.ts";
import { asPair, explicitPads, fromImage, imageOf, isSame, type WindowAxis, windowOf } from "./images.ts";
import type { OnnxLowering } from "./lowering.ts";
import { placesOfLargest } from "./places-of-largest.ts";
import { reduceBy } from "./reduce.ts";

/** The least float32: what padding must be for a maximum to ignore it. */
const lowest = -3.4028234663852886e38;
/** Most parts that a pool is taken apart into. */
const maxParts = 256;

/** Comes from an operator that gives no negative numbers, through others that only move them. */
function isNeverNegative(node: NodeBuilder, id: TensorId): boolean {
  let producer = node.graph.producerOf(id);
  while (transpose.is(producer) || reshape.is(producer)) {
    const [from] = producer.inputs;
    producer = from === null || from === undefined ? undefined : node.graph.producerOf(from);
  }
  return relu.is(producer) || relu6.is(producer) || logistic.is(producer);
}

function axesOf(node: NodeBuilder): readonly WindowAxis[] {
  const kernel = node.ints("kernel_shape");
  if (!kernel) throw node.refusal("it has no kernel_shape");
  return asPair(windowOf(node, node.shape(node.input(0)).slice(2), kernel));
}

const isPlain = (axes: readonly WindowAxis[]): boolean =>
  axes.length === 2 && axes.every(({ dilation }) => dilation === 1);

const poolAttributes = (axes: readonly WindowAxis[], padding: "SAME" | "VALID") => ({
  padding,
  strideH: axes[0]?.stride ?? 1,
  strideW: axes[1]?.stride ?? 1,
  filterHeight: axes[0]?.kernel ?? 1,
  filterWidth: axes[1]?.kernel ?? 1,
});

const aroundSpace = (pads: readonly (readonly [number, number])[]): (readonly [number, number])[] => [
  [0, 0],
  ...pads,
  [0, 0],
];

/** One part per element of the window: what that element meets as the window moves. Axis after axis, so that parts stay few. */
function overParts(
  node: NodeBuilder,
  image: TensorId,
  axes: readonly WindowAxis[],
  op: typeof add | typeof maximum,
): TensorId {
  const parts = axes.reduce((count, { kernel }) => count + kernel, 0);
  if (parts > maxParts) throw node.refusal(`its window has ${parts} parts; ${maxParts} at most are taken apart`);
  return axes.reduce((whole, { kernel, stride, dilation, output }, at) => {
    if (kernel === 1 && stride === 1) return whole;
    const shape = node.shape(whole);
    const taken = indices(kernel).map((k) => {
      const begin = shape.map((_, axis) => (axis === at + 1 ? k * dilation : 0));
      const end = shape.map((size, axis) => (axis === at + 1 ? k * dilation + (output - 1) * stride + 1 : size));
      const steps = shape.map((_, axis) => (axis === at + 1 ? stride : 1));
      return node.emit(stridedSlice, `part${at}-${k}`, [
        whole,
        node.integers("begin", begin),
        node.integers("end", end),
        node.integers("steps", steps),
      ]);
    });
    const [first = whole, ...others] = taken;
    return others.reduce<TensorId>(
      (sum, one, k) =>
        op === add ? node.emit(add, `sum${at}-${k}`, [sum, one]) : node.emit(maximum, `most${at}-${k}`, [sum, one]),
      first,
    );
  }, image);
}

const maxPool: OnnxLowering = {
  operators: ["MaxPool"],
  lower: (node) => {
    const x = node.input(0);
    const axes = axesOf(node);
    const image = imageOf(node, x);
    const pads = aroundSpace(explicitPads(axes));
    // Padding a maximum never picks: zeros do where nothing is negative, and leave ranges as they are.
    const value = isNeverNegative(node, x) ? 0 : lowest;
    const pooled = (): TensorId => {
      if (!isPlain(axes)) return overParts(node, padded(node, "pad", image, pads, value), axes, maximum);
      if (isSame(axes)) return node.emit(maxPool2d, "pool", [image], poolAttributes(axes, "SAME"));
      return node.emit(maxPool2d, "pool", [padded(node, "pad", image, pads, value)], poolAttributes(axes, "VALID"));
    };
    const result = fromImage(node, pooled(), node.rank(x));
    if (!node.wants(1)) return result;
    const places = placesOfLargest(node, padded(node, "places/pad", image, pads, lowest), axes);
    return [result, fromImage(node, places, node.rank(x))];
  },
};

/** How many elements each window counts, along each axis. Padding counts if asked for, what ceil mode adds never does. */
const countsOf = (axes: readonly WindowAxis[], countPadding: boolean): number[][] =>
  axes.map(({ size, kernel, stride, dilation, before, after, output }) =>
    indices(output).map(
      (out) =>
        indices(kernel).filter((k) => {
          const at = out * stride - before + k * dilation;
          return countPadding ? at < size + after : at >= 0 && at < size;
        }).length,
    ),
  );

/** Averages over windows, channels last. */
function averaged(node: NodeBuilder, image: TensorId, axes: readonly WindowAxis[]): TensorId {
  const countPadding = node.flag("count_include_pad", false);
  const counts = countsOf(axes, countPadding);
  const full = axes.reduce((product, { kernel }) => product * kernel, 1);
  if (isPlain(axes) && isSame(axes) && !countPadding)
    return node.emit(averagePool2d, "pool", [image], poolAttributes(axes, "SAME"));
  const input = padded(node, "pad", image, aroundSpace(explicitPads(axes)));
  const plain = isPlain(axes);
  const whole = plain
    ? node.emit(averagePool2d, "pool", [input], poolAttributes(axes, "VALID"))
    : overParts(node, input, axes, add);
  // The operator divides by the window's size, a sum by nothing: what is missing per place.
  const divided = plain ? full : 1;
  const shares = counts
    .reduce<number[]>((all, axis) => all.flatMap((a) => axis.map((b) => a * b)), [1])
    .map((count) => divided / count);
  if (shares.every((share) => share === 1)) return whole;
  const alike = shares.every((share) => share === shares[0]);
  const factor = alike
    ? node.scalar("share", shares[0] ?? 1)
    : node.floats32("shares", shares, [1, ...axes.map(({ output }) => output), 1]);
  return node.emit(mul, "corrected", [whole, factor]);
}

const averagePool: OnnxLowering = {
  operators: ["AveragePool"],
  lower: (node) => {
    const x = node.input(0);
    return fromImage(node, averaged(node, imageOf(node, x), axesOf(node)), node.rank(x));
  },
};

/** `√(Σ x²)` over windows; other powers have no counterpart. */
const lpPool: OnnxLowering = {
  operators: ["LpPool"],
  lower: (node) => {
    if (node.int("p", 2) !== 2) throw node.refusal(`it is of power ${node.int("p", 2)}; only 2 is converted`);
    const x = node.input(0);
    const axes = axesOf(node);
    const image = node.emit(square, "square", [imageOf(node, x)]);
    const input = padded(node, "pad", image, aroundSpace(explicitPads(axes)));
    return fromImage(node, node.emit(sqrt, "root", [overParts(node, input, axes, add)]), node.rank(x));
  },
};

const spatialAxes = (node: NodeBuilder) => ({
  axes: indices(node.rank(node.input(0)) - 2).map((at) => at + 2),
  keepDims: true,
});

const globalLpPool: OnnxLowering = {
  operators: ["GlobalLpPool"],
  lower: (node) => {
    if (node.int("p", 2) !== 2) throw node.refusal(`it is of power ${node.int("p", 2)}; only 2 is converted`);
    return node.emit(sqrt, "", [
      reduceBy(node, "sum", sum, node.emit(square, "square", [node.input(0)]), spatialAxes(node)),
    ]);
  },
};

export const pools: readonly OnnxLowering[] = [
  maxPool,
  averagePool,
  lpPool,
  globalLpPool,
  {
    operators: ["GlobalAveragePool"],
    lower: (node) => reduceBy(node, "mean", mean, node.input(0), spatialAxes(node)),
  },
  {
    operators: ["GlobalMaxPool"],
    lower: (node) => reduceBy(node, "max", reduceMax, node.input(0), spatialAxes(node)),
  },
];
