/**
 * Resize and Upsample. Where TFLite's resize operators take the same elements by the same weights they are used; else an
 * axis is gathered (nearest) or multiplied by a matrix (linear, cubic), one axis after the other.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import { gather } from "../../../ops/gather.ts";
import { resizeBilinear } from "../../../ops/resize-bilinear.ts";
import { resizeNearestNeighbor } from "../../../ops/resize-nearest-neighbor.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices, transposed } from "./compose.ts";
import { fromImage, imageOf } from "./images.ts";
import { type Interpolation, type ResizedAxis, type Taps, tapsOf, tfliteModeOf } from "./interpolation.ts";
import type { OnnxLowering } from "./lowering.ts";

interface Resized extends ResizedAxis {
  readonly at: number;
  readonly taps: readonly Taps[];
}

/** Matrices larger than this are refused: they would outgrow the image. */
const maxMatrix = 2 ** 22;

function interpolationOf(node: NodeBuilder): Interpolation {
  const mode = node.string("mode", "nearest");
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic" && mode !== "bilinear")
    throw node.refusal(`its mode is "${mode}"`);
  const old = node.operator === "Upsample" || node.version < 11;
  return {
    mode: mode === "bilinear" ? "linear" : mode,
    coordinates: node.string("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
    rounding: node.string("nearest_mode", old ? "simple" : "round_prefer_floor"),
    cubicA: node.float("cubic_coeff_a", -0.75),
    excludeOutside: node.flag("exclude_outside", false),
    antialias: node.flag("antialias", false),
  };
}

/** Weights of one axis, at most: 4 million results of a cubic kernel. */
const mostWeights = 2 ** 24;

function axesOf(node: NodeBuilder, how: Interpolation): readonly Resized[] {
  const shape = node.shape(node.input(0));
  const old = node.operator === "Upsample" || node.version < 11;
  const listOf = (id: TensorId | null, what: string): readonly number[] => (id === null ? [] : node.numbers(id, what));
  const scales = node.floats("scales") ?? listOf(node.optional(old ? 1 : 2), "scales");
  const sizes = old ? [] : listOf(node.optional(3), "sizes");
  const axes = (node.ints("axes") ?? indices(shape.length)).map((axis) => node.axis(axis, shape.length));
  const region = how.coordinates === "tf_crop_and_resize" ? listOf(node.optional(1), "region") : [];
  if (scales.length !== axes.length && sizes.length !== axes.length)
    throw node.refusal(`it has ${scales.length} scales and ${sizes.length} sizes for ${axes.length} axes`);
  const policy = node.string("keep_aspect_ratio_policy", "stretch");
  const ratios = sizes.map((size, i) => size / (shape[axes[i] ?? 0] ?? 1));
  const ratio = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return axes.map((at, i): Resized => {
    const input = shape[at] ?? 1;
    const kept = policy !== "stretch" && sizes.length > 0;
    const scale = sizes.length === 0 ? (scales[i] ?? 1) : kept ? ratio : (sizes[i] ?? 1) / input;
    const output =
      sizes.length === 0
        ? Math.floor(Math.fround(input * scale))
        : kept
          ? Math.floor(input * ratio + 0.5)
          : (sizes[i] ?? 1);
    if (output < 1) throw node.refusal(`it resizes ${input} to ${output}`);
    // Antialiasing widens the kernel by 1/scale: the file's numbers say how much work its weights are.
    const reach = how.antialias && scale < 1 ? 4 / scale : 4;
    if (!(scale > 0 && output * reach <= mostWeights))
      throw node.refusal(`it resizes ${input} to ${output} by ${scale}, which takes more than ${mostWeights} weights`);
    const axis = { at, input, output, scale, region: [region[i] ?? 0, region[i + axes.length] ?? 1] as const };
    const taps = tapsOf(axis, how);
    if (!taps) throw node.refusal(`its coordinates (${how.coordinates}) are unknown, or lie outside the image`);
    return { ...axis, taps };
  });
}

const isWhole = ({ input, taps }: Resized): boolean =>
  taps.length === input && taps.every((one, at) => one.size === 1 && Math.abs((one.get(at) ?? 0) - 1) < 1e-6);

const resize: OnnxLowering = {
  operators: ["Resize", "Upsample"],
  lower: (node) => {
    const x = node.input(0);
    const how = interpolationOf(node);
    const nearest = how.mode === "nearest";
    const changed = axesOf(node, how).filter((axis) => !isWhole(axis));
    if (changed.length === 0) return x;
    const rank = node.rank(x);
    const flat = (rank === 4 || rank === 3) && changed.every(({ at }) => at >= 2) && node.isFloat(x);
    if (flat && how.mode !== "cubic") {
      const mode = tfliteModeOf(changed, nearest);
      const size = node
        .shape(x)
        .slice(2)
        .map((own, i) => changed.find(({ at }) => at === i + 2)?.output ?? own);
      if (mode) {
        const target = node.integers("size", rank === 3 ? [1, ...size] : size);
        const operator = nearest ? resizeNearestNeighbor : resizeBilinear;
        return fromImage(node, node.emit(operator, "resized", [imageOf(node, x), target], { ...mode }), rank);
      }
    }
    return changed.reduce((whole, axis) => (nearest ? gathered(node, whole, axis) : multiplied(node, whole, axis)), x);
  },
};

function gathered(node: NodeBuilder, x: TensorId, { at, taps }: Resized): TensorId {
  const picks = taps.map((one) => [...one.keys()][0] ?? 0);
  return node.emit(gather, `axis${at}`, [x, node.integers(`axis${at}/picks`, picks)], { axis: at });
}

function multiplied(node: NodeBuilder, x: TensorId, { at, input, output, taps }: Resized): TensorId {
  if (input * output > maxMatrix) throw node.refusal(`resizing ${input} to ${output} would take a matrix of that size`);
  const matrix = new Float32Array(output * input);
  for (const [row, one] of taps.entries()) for (const [index, weight] of one) matrix[row * input + index] = weight;
  const rank = node.rank(x);
  const axes = [...indices(rank).filter((axis) => axis !== at), at];
  const back = indices(rank).map((axis) => axes.indexOf(axis));
  const weights = node.floats32(`axis${at}/weights`, matrix, [output, input]);
  const last = transposed(node, `axis${at}/last`, x, axes);
  const result = node.emit(fullyConnected, `axis${at}`, [last, weights, null], { keepNumDims: true });
  return transposed(node, `axis${at}/back`, result, back);
}

export const resizes: readonly OnnxLowering[] = [resize];
