/** Reductions. Axes are an attribute in old versions and an operand in new ones; none at all means all of them. */
import type { Attributes, TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import type { Op } from "../../../ops/define-op.ts";
import { exp } from "../../../ops/exp.ts";
import { log } from "../../../ops/log.ts";
import { mean } from "../../../ops/mean.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMin } from "../../../ops/reduce-min.ts";
import { reduceProd } from "../../../ops/reduce-prod.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { sub } from "../../../ops/sub.ts";
import { sum } from "../../../ops/sum.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices, reshaped } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

/** The reduced axes and whether they stay with size 1; null where nothing is reduced. */
interface Reduced {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

function reducedOf(node: NodeBuilder): Reduced | null {
  const rank = node.rank(node.input(0));
  const keepDims = node.flag("keepdims", true);
  const axes = node.integersOf("axes", 1) ?? [];
  if (axes.length > 0) return { axes: axes.map((axis) => node.axis(axis, rank)), keepDims };
  return node.flag("noop_with_empty_axes", false) ? null : { axes: indices(rank), keepDims };
}

/** Reduces `x` by an operator whose only option is `keepDims`. */
export function reduceBy<A extends Attributes & { readonly keepDims: boolean }>(
  node: NodeBuilder,
  role: string,
  op: Op<A>,
  x: TensorId,
  { axes, keepDims }: Reduced,
): TensorId {
  if (axes.length === 0) return x;
  const attributes: Partial<Attributes> = { keepDims };
  return node.emit(op, role, [x, node.integers(`${role}/axes`, axes)], attributes as Partial<A>); // A has it by its bound
}

type Reducer = (node: NodeBuilder, x: TensorId, reduced: Reduced) => TensorId;

const lowering = (
  operator: string,
  reduce: Reducer,
  noop: (node: NodeBuilder, x: TensorId) => TensorId,
): OnnxLowering => ({
  operators: [operator],
  lower: (node) => {
    const x = node.input(0);
    const reduced = reducedOf(node);
    return reduced ? reduce(node, x, reduced) : noop(node, x);
  },
});

const same = (_: NodeBuilder, x: TensorId): TensorId => x;

/** Moves the largest exponent to 0 first: nothing overflows. */
const logSumExp: Reducer = (node, x, reduced) => {
  const most = reduceBy(node, "most", reduceMax, x, { ...reduced, keepDims: true });
  const powers = node.emit(exp, "exp", [node.emit(sub, "moved", [x, most])]);
  const logs = node.emit(log, "log", [reduceBy(node, "sum", sum, powers, reduced)]);
  return node.emit(add, "", [logs, reshaped(node, "most/shape", most, node.shape(logs))]);
};

const squares = (node: NodeBuilder, x: TensorId): TensorId => node.emit(square, "square", [x]);

export const reductions: readonly OnnxLowering[] = [
  lowering("ReduceSum", (node, x, reduced) => reduceBy(node, "sum", sum, x, reduced), same),
  lowering("ReduceMean", (node, x, reduced) => reduceBy(node, "mean", mean, x, reduced), same),
  lowering("ReduceMax", (node, x, reduced) => reduceBy(node, "max", reduceMax, x, reduced), same),
  lowering("ReduceMin", (node, x, reduced) => reduceBy(node, "min", reduceMin, x, reduced), same),
  lowering("ReduceProd", (node, x, reduced) => reduceBy(node, "prod", reduceProd, x, reduced), same),
  lowering(
    "ReduceL1",
    (node, x, reduced) => reduceBy(node, "sum", sum, node.emit(abs, "size", [x]), reduced),
    (node, x) => node.emit(abs, "", [x]),
  ),
  lowering(
    "ReduceL2",
    (node, x, reduced) => node.emit(sqrt, "", [reduceBy(node, "sum", sum, squares(node, x), reduced)]),
    (node, x) => node.emit(abs, "", [x]),
  ),
  lowering("ReduceSumSquare", (node, x, reduced) => reduceBy(node, "sum", sum, squares(node, x), reduced), squares),
  lowering(
    "ReduceLogSum",
    (node, x, reduced) => node.emit(log, "", [reduceBy(node, "sum", sum, x, reduced)]),
    (node, x) => node.emit(log, "", [x]),
  ),
  lowering("ReduceLogSumExp", logSumExp, same),
];
