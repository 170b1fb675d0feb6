/**
 * Element by element, rarer: tests for infinity, hyperbolic and inverse functions, logarithms guarded at zero. None has a
 * TFLite operator of its own but ATAN2. Meanings: TensorFlow's API documentation.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { atan2 } from "../../../ops/atan2.ts";
import type { Op } from "../../../ops/define-op.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { exp } from "../../../ops/exp.ts";
import { greater } from "../../../ops/greater.ts";
import { lessEqual } from "../../../ops/less-equal.ts";
import { log } from "../../../ops/log.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { sub } from "../../../ops/sub.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { erf, sign } from "./elementwise.ts";
import type { TfLowering } from "./tf-lowering.ts";

const largestFloat = 3.4028234663852886e38;

const constant = (node: NodeLowering, value: number): TensorId => node.floatsConstant(`constant_${value}`, [value], []);

const filled = (node: NodeLowering, value: number, like: TensorId): TensorId => {
  const shape = node.shapeOf(like);
  const count = shape.reduce((product, size) => product * size, 1);
  return node.floatsConstant("filled", new Array<number>(count).fill(value), shape);
};

/** Whether |x| stays below infinity, or does not; neither is true of what is no number. */
const finite = (ops: readonly string[], compare: Op): TfLowering => ({
  ops,
  lower: (node) => node.emit(compare, [node.emit(abs, [node.input(0)], {}, "abs"), constant(node, largestFloat)]),
});

/** 0 wherever x is 0, whatever y is. */
const guarded = (
  ops: readonly string[],
  work: (node: NodeLowering, x: TensorId, y: TensorId) => TensorId,
): TfLowering => ({
  ops,
  lower: (node) => {
    const [x, y] = [node.input(0), node.input(1)];
    const isZero = node.emit(equal, [x, constant(node, 0)], {}, "is_zero");
    return node.emit(selectV2, [isZero, constant(node, 0), work(node, x, y)]);
  },
});

/** Half of eˣ ± e⁻ˣ. */
const hyperbolic = (ops: readonly string[], join: Op): TfLowering => ({
  ops,
  lower: (node) => {
    const x = node.input(0);
    const down = node.emit(exp, [node.emit(neg, [x], {}, "neg")], {}, "down");
    const both = node.emit(join, [node.emit(exp, [x], {}, "up"), down], {}, "both");
    return node.emit(mul, [both, constant(node, 0.5)]);
  },
});

type Spelling = (node: NodeLowering, x: TensorId) => TensorId;
const spelt = (op: string, spelling: Spelling): TfLowering => ({
  ops: [op],
  lower: (node) => spelling(node, node.input(0)),
});

/** √(x² + by) */
const rootOf = (node: NodeLowering, x: TensorId, by: number): TensorId =>
  node.emit(sqrt, [node.emit(add, [node.emit(square, [x], {}, "square"), constant(node, by)], {}, "sum")], {}, "root");

/** √(1 − x²) */
const besideOf = (node: NodeLowering, x: TensorId): TensorId => {
  const rest = node.emit(sub, [constant(node, 1), node.emit(square, [x], {}, "square")], {}, "rest");
  return node.emit(sqrt, [rest], {}, "beside");
};

/** sign(x)·log(|x| + √(x² + 1)): nothing cancels on the negative side. */
const asinh: Spelling = (node, x) => {
  const size = node.emit(abs, [x], {}, "abs");
  const grown = node.emit(add, [size, rootOf(node, x, 1)], {}, "grown");
  return node.emit(mul, [node.emit(log, [grown], {}, "log"), sign(node, x)]);
};

const atanh: Spelling = (node, x) => {
  const up = node.emit(add, [constant(node, 1), x], {}, "up");
  const down = node.emit(sub, [constant(node, 1), x], {}, "down");
  return node.emit(mul, [node.emit(log, [node.emit(div, [up, down], {}, "ratio")], {}, "log"), constant(node, 0.5)]);
};

export const moreElementwiseLowerings: readonly TfLowering[] = [
  finite(["IsFinite"], lessEqual),
  finite(["IsInf"], greater),
  guarded(["Xlogy"], (node, x, y) => node.emit(mul, [x, node.emit(log, [y], {}, "log")], {}, "product")),
  guarded(["Xdivy"], (node, x, y) => node.emit(div, [x, y], {}, "quotient")),
  hyperbolic(["Sinh"], sub),
  hyperbolic(["Cosh"], add),
  spelt("Asinh", asinh),
  spelt("Acosh", (node, x) => node.emit(log, [node.emit(add, [x, rootOf(node, x, -1)], {}, "grown")])),
  spelt("Atanh", atanh),
  spelt("Erfc", (node, x) => node.emit(sub, [constant(node, 1), erf(node, x)])),
  spelt("Atan", (node, x) => node.emit(atan2, [x, filled(node, 1, x)])),
  spelt("Asin", (node, x) => node.emit(atan2, [x, besideOf(node, x)])),
  spelt("Acos", (node, x) => node.emit(atan2, [besideOf(node, x), x])),
  { ops: ["Atan2"], lower: (node) => node.emit(atan2, [node.input(0), node.input(1)]) },
];
