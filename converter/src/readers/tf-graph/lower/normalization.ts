/** Batch norm with fixed statistics, softmax. */

import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { localResponseNormalization } from "../../../ops/local-response-normalization.ts";
import { logSoftmax } from "../../../ops/log-softmax.ts";
import { mean } from "../../../ops/mean.ts";
import { mul } from "../../../ops/mul.ts";
import { rsqrt } from "../../../ops/rsqrt.ts";
import { softmax } from "../../../ops/softmax.ts";
import { square } from "../../../ops/square.ts";
import { sub } from "../../../ops/sub.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { withChannelsLast } from "./channels-first.ts";
import { applyActivation } from "./fused-operators.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** Inputs: x, scale, offset, mean, variance. In training, mean and variance are empty, and those of the batch are taken. */
const fusedBatchNorm: TfLowering = {
  ops: ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx"],
  lower: (node) => {
    const [x, scale, offset, average, variance] = [0, 1, 2, 3, 4].map((place) => node.input(place));
    if (node.boolAttr("is_training", average !== undefined && node.shapeOf(average)[0] === 0)) return byItsBatch(node);
    const rest = [scale ?? null, offset ?? null, average ?? null, variance ?? null];
    const epsilon = node.floatAttr("epsilon", 1e-4);
    const normal = withChannelsLast(node, x ?? node.input(0), (nhwc) =>
      node.emit(batchNorm, [nhwc, ...rest], { epsilon }),
    );
    const side = node.op === "_FusedBatchNormEx" && node.intAttr("num_side_inputs", 0) > 0 ? node.input(5) : undefined;
    const sum = side === undefined ? normal : node.emit(add, [normal, side], {}, "side");
    const result =
      node.op === "_FusedBatchNormEx"
        ? applyActivation(node, node.stringAttr("activation_mode", "Identity"), sum)
        : sum;
    return [result, ...(average === undefined || variance === undefined ? [] : [average, variance])];
  },
};

/**
 * In training mode, as nets have it that normalise every picture by itself: by the mean and variance of what comes in. What
 * they give for the moving average has n − 1 in the place of n.
 */
function byItsBatch(node: NodeLowering): readonly TensorId[] {
  if (node.op === "_FusedBatchNormEx") throw new NodeRefusal("it is in training mode; export the model for inference");
  if (node.floatAttr("exponential_avg_factor", 1) !== 1)
    throw new NodeRefusal("it keeps a moving average; export the model for inference");
  const [scale, offset] = [node.input(1), node.input(2)];
  let statistics: readonly TensorId[] = [];
  const result = withChannelsLast(node, node.input(0), (x) => {
    const shape = node.shapeOf(x);
    const axes = node.intsConstant("axes", [...shape.keys()].slice(0, -1));
    const average = node.emit(mean, [x, axes], { keepDims: true }, "mean");
    const centred = node.emit(sub, [x, average], {}, "centred");
    const variance = node.emit(
      mean,
      [node.emit(square, [centred], {}, "square"), axes],
      { keepDims: true },
      "variance",
    );
    const epsilon = node.floatsConstant("epsilon", [node.floatAttr("epsilon", 1e-4)], []);
    const root = node.emit(rsqrt, [node.emit(add, [variance, epsilon], {}, "sum")], {}, "root");
    const factor = node.emit(mul, [root, scale], {}, "factor");
    const count = shape.slice(0, -1).reduce((product, size) => product * size, 1);
    const bessel = node.floatsConstant("bessel", [count / Math.max(count - 1, 1)], []);
    const channels = shape.slice(-1);
    statistics = [
      node.reshaped(average, channels, "batch_mean"),
      node.reshaped(node.emit(mul, [variance, bessel], {}, "unbiased"), channels, "batch_variance"),
    ];
    return node.emit(add, [node.emit(mul, [centred, factor], {}, "scaled"), offset]);
  });
  return [result, ...statistics];
}

/** Over the last axis. Runtimes of 2023 take at most four axes. */
function overLast(node: NodeLowering, work: (x: TensorId) => TensorId): TensorId {
  const x = node.input(0);
  const shape = node.shapeOf(x);
  if (shape.length <= 4) return work(x);
  const last = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return node.reshaped(work(node.reshaped(x, [rows, last], "rows")), shape, "back");
}

export const normalizationLowerings: readonly TfLowering[] = [
  fusedBatchNorm,
  { ops: ["Softmax"], lower: (node) => overLast(node, (x) => node.emit(softmax, [x], { beta: 1 })) },
  {
    ops: ["LRN"],
    lower: (node) => {
      const [radius, bias] = [node.intAttr("depth_radius", 5), node.floatAttr("bias", 1)];
      const [alpha, beta] = [node.floatAttr("alpha", 1), node.floatAttr("beta", 0.5)];
      return node.emit(localResponseNormalization, [node.input(0)], { radius, bias, alpha, beta });
    },
  },
  { ops: ["LogSoftmax"], lower: (node) => overLast(node, (x) => node.emit(logSoftmax, [x])) },
];
