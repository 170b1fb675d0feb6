/**
 * ConvTranspose over one, two and three axes. Filters [C, M/g, …] become OHWI (over three axes DHWOI), with zeros between
 * the taps of a dilated one and outside the blocks of a grouped one: TFLite's operators know neither. What ONNX cuts off by
 * padding is TFLite's SAME where the two agree, and a slice of the VALID result elsewhere.
 */
import { elementCount, type Shape, type TensorId } from "../../../ir/graph.ts";
import { lazyConstant } from "../../../ir/lazy-constant.ts";
import { bytesOf, float32ValuesOf } from "../../../ir/values.ts";
import { add } from "../../../ops/add.ts";
import { conv3dTranspose } from "../../../ops/conv-3d-transpose.ts";
import { transposeConv } from "../../../ops/transpose-conv.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { block, padded } from "./compose.ts";
import { asImage, fromImage, imageOf } from "./images.ts";
import type { OnnxLowering } from "./lowering.ts";

interface Axis {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Cut off in front of the whole result. */
  readonly before: number;
  readonly output: number;
}

/** Of a filter with its zeros spelt out. */
const maxFilter = 2 ** 24;

const reach = ({ kernel, dilation }: Pick<Axis, "kernel" | "dilation">): number => (kernel - 1) * dilation + 1;
/** Size of the whole result, nothing cut off. */
const whole = (axis: Axis): number => (axis.input - 1) * axis.stride + reach(axis);

function axesOf(node: NodeBuilder, spatial: Shape, kernel: Shape): readonly Axis[] {
  const count = spatial.length;
  const filled = (value: number): number[] => new Array<number>(count).fill(value);
  const strides = node.ints("strides") ?? filled(1);
  const dilations = node.ints("dilations") ?? filled(1);
  const extra = node.ints("output_padding") ?? filled(0);
  const pads = node.ints("pads") ?? filled(0).concat(filled(0));
  const auto = node.string("auto_pad", "NOTSET");
  const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  const asked = node.ints("output_shape")?.slice(-count);
  return spatial.map((input, at): Axis => {
    const facts = { input, kernel: kernel[at] ?? 1, stride: strides[at] ?? 1, dilation: dilations[at] ?? 1 };
    const all = (input - 1) * facts.stride + (extra[at] ?? 0) + reach(facts);
    if (asked || same) {
      const output = asked?.[at] ?? input * facts.stride;
      const total = Math.max(all - output, 0);
      const less = Math.floor(total / 2);
      return { ...facts, before: auto === "SAME_UPPER" ? less : total - less, output };
    }
    const [before, after] = auto === "VALID" ? [0, 0] : [pads[at] ?? 0, pads[at + count] ?? 0];
    if (before < 0 || after < 0 || all - before - after < 1)
      throw node.refusal("its padding leaves nothing, or is negative");
    return { ...facts, before, output: all - before - after };
  });
}

/** Does TFLite's SAME cut off exactly so? */
const isSame = (axes: readonly Axis[]): boolean =>
  axes.every((axis) => {
    const total = Math.max(whole(axis) - axis.output, 0);
    return Math.ceil(axis.output / axis.stride) === axis.input && axis.before === Math.floor(total / 2);
  });

const convTranspose: OnnxLowering = {
  operators: ["ConvTranspose"],
  lower: (node) => {
    const x = node.input(0);
    const rank = node.rank(x);
    if (rank < 3 || rank > 5) throw node.refusal(`it convolves over ${rank - 2} axes`);
    const image = imageOf(node, x);
    const stored = asImage(node, "filter/image", node.input(1));
    const spatial = axesOf(node, node.shape(x).slice(2), node.shape(node.input(1)).slice(2));
    const unit: Axis = { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, output: 1 };
    const axes = rank === 3 ? [unit, ...spatial] : spatial;
    const filter = filterOf(node, stored, axes);
    return fromImage(node, transposedConvolution(node, image, filter, axes), rank);
  },
};

interface Filter {
  readonly id: TensorId;
  readonly outputs: number;
}

/** [C, M/g, …] → [M, …, C], over three axes [D, H, W, M, C]. */
function filterOf(node: NodeBuilder, stored: TensorId, axes: readonly Axis[]): Filter {
  const { constant, shape } = node.graph.tensor(stored);
  const groups = node.int("group", 1);
  const [channels = 1, perGroup = 1] = shape;
  const outputs = perGroup * groups;
  if (!constant) throw node.refusal("its filter is computed during the run");
  if (channels % groups !== 0) throw node.refusal(`${channels} channels are not ${groups} groups`);
  const reaches = axes.map(reach);
  const size = outputs * channels * elementCount(reaches);
  if (size > maxFilter) throw node.refusal(`its filter would take ${size} elements with its zeros`);
  const volume = axes.length === 3;
  const target: Shape = volume ? [...reaches, outputs, channels] : [outputs, ...reaches, channels];
  const taps = elementCount(axes.map(({ kernel }) => kernel));
  const compute = (): Uint8Array => {
    const values = float32ValuesOf(constant.bytes());
    const result = new Float32Array(size);
    for (let at = 0; at < values.length; at++) {
      let tap = at % taps;
      let place = 0;
      let step = 1;
      for (let axis = axes.length - 1; axis >= 0; axis--) {
        const { kernel = 1, dilation = 1 } = axes[axis] ?? {};
        place += (tap % kernel) * dilation * step;
        step *= reaches[axis] ?? 1;
        tap = Math.floor(tap / kernel);
      }
      const inner = Math.floor(at / taps) % perGroup;
      const channel = Math.floor(at / taps / perGroup);
      const output = Math.floor(channel / (channels / groups)) * perGroup + inner;
      const index = volume
        ? (place * outputs + output) * channels + channel
        : (output * step + place) * channels + channel;
      result[index] = values[at] ?? 0;
    }
    return bytesOf("float32", result);
  };
  return { id: node.constant("filter", "float32", target, lazyConstant(size * 4, compute)), outputs };
}

function transposedConvolution(node: NodeBuilder, image: TensorId, filter: Filter, axes: readonly Axis[]): TensorId {
  const batch = node.shape(image)[0] ?? 1;
  const bias = node.optional(2);
  const same = isSame(axes);
  // A VALID result may end up to a stride behind its last tap; what is asked for beyond that is padding.
  const sizes = axes.map((axis) => {
    if (same) return axis.output;
    return Math.min(Math.max(whole(axis), axis.before + axis.output), whole(axis) + axis.stride - 1);
  });
  const missing = axes.map((axis, at) => (same ? 0 : Math.max(axis.before + axis.output - (sizes[at] ?? 0), 0)));
  const late = bias !== null && missing.some((count) => count > 0);
  const target = node.integers("size", [batch, ...sizes, filter.outputs]);
  const padding = same ? ("SAME" as const) : ("VALID" as const);
  const operands = [target, filter.id, image, late ? null : bias];
  const [d, h, w] = axes.length === 3 ? axes : [undefined, ...axes];
  const strides = { strideH: h?.stride ?? 1, strideW: w?.stride ?? 1 };
  const result =
    axes.length === 3
      ? node.emit(conv3dTranspose, "conv", operands, { padding, ...strides, strideD: d?.stride ?? 1 })
      : node.emit(transposeConv, "conv", operands, { padding, ...strides });
  if (same) return result;
  const grown = padded(node, "behind", result, [
    [0, 0],
    ...missing.map((count): [number, number] => [0, count]),
    [0, 0],
  ]);
  const begin = [0, ...axes.map(({ before }) => before), 0];
  const cut = block(node, "cut", grown, begin, [batch, ...axes.map(({ output }) => output), filter.outputs]);
  return late && bias !== null ? node.emit(add, "bias", [cut, bias]) : cut;
}

export const transposedConvolutions: readonly OnnxLowering[] = [convTranspose];
