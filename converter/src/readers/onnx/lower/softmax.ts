/**
 * Softmax, LogSoftmax and Hardmax. From version 13 on along one axis; before, over all axes from `axis` on as one.
 * TFLite has them over the last axis only.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { elementCount } from "../../../ir/graph.ts";
import { argMax } from "../../../ops/arg-max.ts";
import { logSoftmax } from "../../../ops/log-softmax.ts";
import { oneHot } from "../../../ops/one-hot.ts";
import { softmax } from "../../../ops/softmax.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices, reshaped, transposed } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

type OverLast = (node: NodeBuilder, x: TensorId) => TensorId;

function overAxis(node: NodeBuilder, overLast: OverLast): TensorId {
  const x = node.input(0);
  const shape = node.shape(x);
  const rank = shape.length;
  const grouped = node.version < 13;
  const axis = node.axis(node.int("axis", grouped ? 1 : -1), rank);
  if (axis === rank - 1) return overLast(node, x);
  if (grouped) {
    const flat = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))];
    return reshaped(node, "", overLast(node, reshaped(node, "flat", x, flat)), shape);
  }
  const axes = [...indices(rank).filter((at) => at !== axis), axis];
  const back = indices(rank).map((at) => axes.indexOf(at));
  return transposed(node, "", overLast(node, transposed(node, "last", x, axes)), back);
}

const lowering = (operator: string, overLast: OverLast): OnnxLowering => ({
  operators: [operator],
  lower: (node) => overAxis(node, overLast),
});

/** 1 at the first largest, 0 elsewhere. */
const hardest: OverLast = (node, x) => {
  const depth = node.shape(x).at(-1) ?? 1;
  const first = node.emit(argMax, "first", [x, node.integers("axis", [-1], [])], { outputType: "INT32" });
  const operands = [first, node.integers("depth", [depth], []), node.scalar("on", 1), node.scalar("off", 0)];
  return node.emit(oneHot, "hot", operands, { axis: -1 });
};

export const softmaxes: readonly OnnxLowering[] = [
  lowering("Softmax", (node, x) => node.emit(softmax, "softmax", [x], { beta: 1 })),
  lowering("LogSoftmax", (node, x) => node.emit(logSoftmax, "log", [x])),
  lowering("Hardmax", hardest),
];
