/**
 * Normalisations. BatchNormalization with constant statistics is the graph's own BATCH_NORM, which folds into convolutions;
 * the others are spelt in means and differences, the form that runtimes run fastest.
 */
import { elementCount, type Shape, type TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { div } from "../../../ops/div.ts";
import { localResponseNormalization } from "../../../ops/local-response-normalization.ts";
import { maximum } from "../../../ops/maximum.ts";
import { mean } from "../../../ops/mean.ts";
import { mul } from "../../../ops/mul.ts";
import { pow } from "../../../ops/pow.ts";
import { rsqrt } from "../../../ops/rsqrt.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { squaredDifference } from "../../../ops/squared-difference.ts";
import { sub } from "../../../ops/sub.ts";
import { sum } from "../../../ops/sum.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { channelsFirst, channelsLast, indices, padded, part, reshaped } from "./compose.ts";
import { asImage, fromImage } from "./images.ts";
import type { OnnxLowering } from "./lowering.ts";
import { reduceBy } from "./reduce.ts";

const batchNormalization: OnnxLowering = {
  operators: ["BatchNormalization"],
  lower: (node) => {
    if (node.flag("training_mode", false) || node.wants(1)) throw node.refusal("it is in training mode");
    if (!node.flag("spatial", true)) throw node.refusal("its statistics are not per channel");
    const x = node.input(0);
    const [gamma, beta, average, variance] = [1, 2, 3, 4].map((at) => node.input(at)) as [
      TensorId,
      TensorId,
      TensorId,
      TensorId,
    ]; // four were asked for
    const epsilon = node.float("epsilon", 1e-5);
    const rank = node.rank(x);
    if ([gamma, beta, average, variance].every((id) => node.graph.isConstant(id))) {
      const last = rank > 2 ? channelsLast(node, "last", x) : x;
      const result = node.emit(batchNorm, "norm", [last, gamma, beta, average, variance], { epsilon });
      return rank > 2 ? channelsFirst(node, "", result) : result;
    }
    const of = (role: string, id: TensorId) => perChannel(node, role, id, rank);
    const centred = node.emit(sub, "centred", [x, of("mean", average)]);
    const deviation = node.emit(rsqrt, "deviation", [
      node.emit(add, "sum", [of("variance", variance), node.scalar("epsilon", epsilon)]),
    ]);
    const scaled = node.emit(mul, "scaled", [node.emit(mul, "normal", [centred, deviation]), of("gamma", gamma)]);
    return node.emit(add, "", [scaled, of("beta", beta)]);
  },
};

/** [C] as [C, 1, 1…], to meet [N, C, …]. */
const perChannel = (node: NodeBuilder, role: string, id: TensorId, rank: number): TensorId =>
  reshaped(node, role, id, [elementCount(node.shape(id)), ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

interface Normal {
  readonly result: TensorId;
  readonly average: TensorId;
  readonly deviation: TensorId;
}

/** `(x − mean) / √(variance + epsilon)` over axes. */
function normal(node: NodeBuilder, x: TensorId, axes: readonly number[], epsilon: number): Normal {
  const average = reduceBy(node, "mean", mean, x, { axes, keepDims: true });
  const spread = node.emit(squaredDifference, "spread", [x, average]);
  const variance = reduceBy(node, "variance", mean, spread, { axes, keepDims: true });
  const deviation = node.emit(rsqrt, "deviation", [node.emit(add, "sum", [variance, node.scalar("epsilon", epsilon)])]);
  const centred = node.emit(sub, "centred", [x, average]);
  return { result: node.emit(mul, "normal", [centred, deviation]), average, deviation };
}

const layerNormalization: OnnxLowering = {
  operators: ["LayerNormalization"],
  lower: (node) => {
    const x = node.input(0);
    const rank = node.rank(x);
    const axis = node.axis(node.int("axis", -1), rank);
    const { result, average, deviation } = normal(node, x, indices(rank).slice(axis), node.float("epsilon", 1e-5));
    const scaled = node.emit(mul, "scaled", [result, node.input(1)]);
    const bias = node.optional(2);
    return [bias === null ? scaled : node.emit(add, "", [scaled, bias]), average, deviation];
  },
};

/** `x / √(mean(x²) + epsilon) · scale` */
const rmsNormalization: OnnxLowering = {
  operators: ["RMSNormalization", "SimplifiedLayerNormalization", "com.microsoft.SimplifiedLayerNormalization"],
  lower: (node) => {
    const x = node.input(0);
    const rank = node.rank(x);
    const axes = indices(rank).slice(node.axis(node.int("axis", -1), rank));
    const squares = reduceBy(node, "mean", mean, node.emit(square, "square", [x]), { axes, keepDims: true });
    const root = node.emit(rsqrt, "root", [
      node.emit(add, "sum", [squares, node.scalar("epsilon", node.float("epsilon", 1e-5))]),
    ]);
    return node.emit(mul, "", [node.emit(mul, "normal", [x, root]), node.input(1)]);
  },
};

const instanceNormalization: OnnxLowering = {
  operators: ["InstanceNormalization"],
  lower: (node) => {
    const x = node.input(0);
    const rank = node.rank(x);
    const { result } = normal(node, x, indices(rank).slice(2), node.float("epsilon", 1e-5));
    const scaled = node.emit(mul, "scaled", [result, perChannel(node, "scale", node.input(1), rank)]);
    return node.emit(add, "", [scaled, perChannel(node, "bias", node.input(2), rank)]);
  },
};

/** Scale and bias are per channel from version 21 on, before per group. */
const groupNormalization: OnnxLowering = {
  operators: ["GroupNormalization"],
  lower: (node) => {
    const x = node.input(0);
    const shape = node.shape(x);
    const [batch = 1, channels = 1] = shape;
    const groups = node.int("num_groups", 1);
    if (groups < 1 || channels % groups !== 0) throw node.refusal(`${channels} channels are not ${groups} groups`);
    const inside: Shape = [batch, groups, elementCount(shape) / (batch * groups)];
    const { result } = normal(node, reshaped(node, "groups", x, inside), [2], node.float("epsilon", 1e-5));
    const [scale, bias] = [node.input(1), node.input(2)];
    const perGroup = elementCount(node.shape(scale)) === groups && groups !== channels;
    if (perGroup) {
      const of = (role: string, id: TensorId) => reshaped(node, role, id, [groups, 1]);
      const scaled = node.emit(mul, "scaled", [result, of("scale", scale)]);
      return reshaped(node, "whole", node.emit(add, "moved", [scaled, of("bias", bias)]), shape);
    }
    const whole = reshaped(node, "whole", result, shape);
    const scaled = node.emit(mul, "scaled", [whole, perChannel(node, "scale", scale, shape.length)]);
    return node.emit(add, "", [scaled, perChannel(node, "bias", bias, shape.length)]);
  },
};

/** Over the channels by default too: `(x − mean) / √variance`. */
const meanVarianceNormalization: OnnxLowering = {
  operators: ["MeanVarianceNormalization"],
  lower: (node) => {
    const x = node.input(0);
    const axes = (node.ints("axes") ?? [0, 2, 3]).map((axis) => node.axis(axis, node.rank(x)));
    return normal(node, x, axes, 1e-9).result;
  },
};

/** `x / max(‖x‖, tiny)`: zeros stay zeros. */
const lpNormalization: OnnxLowering = {
  operators: ["LpNormalization"],
  lower: (node) => {
    const x = node.input(0);
    const over = { axes: [node.axis(node.int("axis", -1), node.rank(x))], keepDims: true };
    const power = node.int("p", 2);
    const size =
      power === 1
        ? reduceBy(node, "sum", sum, node.emit(abs, "size", [x]), over)
        : node.emit(sqrt, "root", [reduceBy(node, "sum", sum, node.emit(square, "square", [x]), over)]);
    return node.emit(div, "", [x, node.emit(maximum, "positive", [size, node.scalar("tiny", 1e-30)])]);
  },
};

/** `x / (bias + alpha / size · Σ x²)^beta` over `size` neighbouring channels; TFLite has it for odd sizes. */
const localResponse: OnnxLowering = {
  operators: ["LRN"],
  lower: (node) => {
    const x = node.input(0);
    const size = node.int("size", 1);
    const facts = {
      alpha: node.float("alpha", 1e-4) / size,
      beta: node.float("beta", 0.75),
      bias: node.float("bias", 1),
    };
    const rank = node.rank(x);
    if (size % 2 === 1 && (rank === 3 || rank === 4)) {
      const image = channelsLast(node, "last", asImage(node, "image", x));
      const attributes = { ...facts, radius: (size - 1) / 2 };
      return fromImage(node, node.emit(localResponseNormalization, "norm", [image], attributes), rank);
    }
    if (size > 64) throw node.refusal(`it looks at ${size} channels`);
    const channels = node.shape(x)[1] ?? 1;
    const before = Math.floor((size - 1) / 2);
    const around = indices(rank).map((axis): readonly [number, number] =>
      axis === 1 ? [before, size - 1 - before] : [0, 0],
    );
    const squares = padded(node, "pad", node.emit(square, "square", [x]), around);
    const total = indices(size)
      .map((at) => part(node, `near${at}`, squares, 1, at, channels))
      .reduce((a, b) => node.emit(add, "total", [a, b]));
    const weighted = node.emit(mul, "weighted", [total, node.scalar("alpha", facts.alpha)]);
    const base = node.emit(add, "base", [weighted, node.scalar("bias", facts.bias)]);
    return node.emit(div, "", [x, node.emit(pow, "power", [base, node.scalar("beta", facts.beta)])]);
  },
};

export const normalizations: readonly OnnxLowering[] = [
  batchNormalization,
  layerNormalization,
  rmsNormalization,
  instanceNormalization,
  groupNormalization,
  meanVarianceNormalization,
  lpNormalization,
  localResponse,
];
