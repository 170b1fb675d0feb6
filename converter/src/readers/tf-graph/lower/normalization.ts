/** Batch norm with fixed statistics, softmax. */

import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { logSoftmax } from "../../../ops/log-softmax.ts";
import { softmax } from "../../../ops/softmax.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { withChannelsLast } from "./channels-first.ts";
import { applyActivation } from "./fused-operators.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** Inputs: x, scale, offset, mean, variance. In training, mean and variance are empty, and those of the batch are taken. */
const fusedBatchNorm: TfLowering = {
  ops: ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx"],
  lower: (node) => {
    const [x, scale, offset, mean, variance] = [0, 1, 2, 3, 4].map((place) => node.input(place));
    if (node.boolAttr("is_training", mean !== undefined && node.shapeOf(mean)[0] === 0)) {
      throw new NodeRefusal("it is in training mode, where it normalises by the batch; export the model for inference");
    }
    const rest = [scale ?? null, offset ?? null, mean ?? null, variance ?? null];
    const epsilon = node.floatAttr("epsilon", 1e-4);
    const normal = withChannelsLast(node, x ?? node.input(0), (nhwc) =>
      node.emit(batchNorm, [nhwc, ...rest], { epsilon }),
    );
    const side = node.op === "_FusedBatchNormEx" && node.intAttr("num_side_inputs", 0) > 0 ? node.input(5) : undefined;
    const sum = side === undefined ? normal : node.emit(add, [normal, side], {}, "side");
    return node.op === "_FusedBatchNormEx"
      ? applyActivation(node, node.stringAttr("activation_mode", "Identity"), sum)
      : sum;
  },
};

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
  { ops: ["LogSoftmax"], lower: (node) => overLast(node, (x) => node.emit(logSoftmax, [x])) },
];
