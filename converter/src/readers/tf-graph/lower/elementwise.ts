/** Operators of one operand, element by element; those without a TFLite operator are spelt out. */
import type { TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { cast } from "../../../ops/cast.ts";
import { ceil } from "../../../ops/ceil.ts";
import { cos } from "../../../ops/cos.ts";
import type { Op } from "../../../ops/define-op.ts";
import { div } from "../../../ops/div.ts";
import { elu } from "../../../ops/elu.ts";
import { exp } from "../../../ops/exp.ts";
import { floor } from "../../../ops/floor.ts";
import { gelu } from "../../../ops/gelu.ts";
import { greater } from "../../../ops/greater.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { less } from "../../../ops/less.ts";
import { log } from "../../../ops/log.ts";
import { logicalNot } from "../../../ops/logical-not.ts";
import { logistic } from "../../../ops/logistic.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { prelu } from "../../../ops/prelu.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { round } from "../../../ops/round.ts";
import { rsqrt } from "../../../ops/rsqrt.ts";
import { sin } from "../../../ops/sin.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { sub } from "../../../ops/sub.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { NodeLowering } from "../node-lowering.ts";
import type { TfLowering } from "./tf-lowering.ts";

const plain = (ops: readonly string[], op: Op): TfLowering => ({
  ops,
  lower: (node) => node.emit(op, [node.input(0)]),
});

const integerIdentity = (ops: readonly string[], op: Op): TfLowering => ({
  ops,
  lower: (node) => (node.dtypeOf(node.input(0)) === "int32" ? node.input(0) : node.emit(op, [node.input(0)])),
});

type Spelling = (node: NodeLowering, x: TensorId) => TensorId;
const spelt = (ops: readonly string[], spelling: Spelling): TfLowering => ({
  ops,
  lower: (node) => spelling(node, node.input(0)),
});

const one = (node: NodeLowering): TensorId => node.floatsConstant("one", [1], []);

/** log(1 + eˣ), written so that no eˣ overflows: max(x, 0) + log(1 + e^-|x|). */
export const softplus: Spelling = (node, x) => {
  const size = node.emit(neg, [node.emit(abs, [x], {}, "abs")], {}, "neg");
  const decay = node.emit(add, [node.emit(exp, [size], {}, "exp"), one(node)], {}, "plus_one");
  return node.emit(add, [node.emit(relu, [x], {}, "relu"), node.emit(log, [decay], {}, "log")]);
};

/** Constants of SELU as TensorFlow has them. */
const seluScale = 1.0507009873554805;
const seluScaleAlpha = 1.7580993408473768;

/** scale·max(x, 0) + scale·alpha·min(eˣ − 1, 0); ELU is the difference for x < 0. */
const selu: Spelling = (node, x) => {
  const positive = node.emit(relu, [x], {}, "relu");
  const negative = node.emit(sub, [node.emit(elu, [x], {}, "elu"), positive], {}, "negative");
  const up = node.emit(mul, [positive, node.floatsConstant("scale", [seluScale], [])], {}, "up");
  const down = node.emit(mul, [negative, node.floatsConstant("slope", [seluScaleAlpha], [])], {}, "down");
  return node.emit(add, [up, down]);
};

/** Abramowitz and Stegun 7.1.26: |error| ≤ 1.5e-7; erf is odd. */
const erfTerms = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592] as const;
export const erf: Spelling = (node, x) => {
  const size = node.emit(abs, [x], {}, "abs");
  const grown = node.emit(mul, [size, node.floatsConstant("p", [0.3275911], [])], {}, "scaled");
  const t = node.emit(div, [one(node), node.emit(add, [grown, one(node)], {}, "shifted")], {}, "t");
  let sum = node.emit(mul, [t, node.floatsConstant("a5", [erfTerms[0]], [])], {}, "term");
  for (const term of erfTerms.slice(1)) {
    const next = node.emit(add, [sum, node.floatsConstant("a", [term], [])], {}, "sum");
    sum = node.emit(mul, [next, t], {}, "term");
  }
  const bell = node.emit(exp, [node.emit(neg, [node.emit(square, [size], {}, "square")], {}, "neg")], {}, "bell");
  const rest = node.emit(sub, [one(node), node.emit(mul, [sum, bell], {}, "tail")], {}, "half");
  return node.emit(mul, [rest, sign(node, x)]);
};

/** [x > 0] − [x < 0] */
export const sign: Spelling = (node, x) => {
  const zero = node.scalarLike(x, 0);
  const outDataType = node.dtypeOf(x) === "int32" ? "INT32" : "FLOAT32";
  const types = { inDataType: "BOOL", outDataType } as const;
  const up = node.emit(cast, [node.emit(greater, [x, zero], {}, "positive")], types, "up");
  const down = node.emit(cast, [node.emit(less, [x, zero], {}, "negative")], types, "down");
  return node.emit(sub, [up, down], {}, "sign");
};

const clip: TfLowering = {
  ops: ["ClipByValue"],
  lower: (node) => node.emit(maximum, [node.emit(minimum, [node.input(0), node.input(2)], {}, "below"), node.input(1)]),
};

export const elementwiseLowerings: readonly TfLowering[] = [
  plain(["Relu"], relu),
  plain(["Relu6"], relu6),
  plain(["Elu"], elu),
  plain(["Sigmoid"], logistic),
  plain(["Tanh"], tanh),
  plain(["Exp"], exp),
  plain(["Log"], log),
  plain(["Sqrt"], sqrt),
  plain(["Rsqrt"], rsqrt),
  plain(["Square"], square),
  plain(["Abs"], abs),
  plain(["Neg"], neg),
  plain(["Sin"], sin),
  plain(["Cos"], cos),
  plain(["LogicalNot"], logicalNot),
  integerIdentity(["Floor"], floor),
  integerIdentity(["Ceil"], ceil),
  integerIdentity(["Round", "Rint"], round),
  clip,
  { ops: ["Gelu"], lower: (node) => node.emit(gelu, [node.input(0)], { approximate: node.boolAttr("approximate") }) },
  spelt(["Selu"], selu),
  spelt(["Softplus"], softplus),
  spelt(["Erf"], erf),
  spelt(["Sign"], sign),
  spelt(["Softsign"], (node, x) =>
    node.emit(div, [x, node.emit(add, [node.emit(abs, [x], {}, "abs"), one(node)], {}, "size")]),
  ),
  spelt(["Reciprocal", "Inv"], (node, x) => node.emit(div, [one(node), x])),
  spelt(["Log1p"], (node, x) => node.emit(log, [node.emit(add, [x, one(node)], {}, "plus_one")])),
  spelt(["Expm1"], (node, x) => node.emit(sub, [node.emit(exp, [x], {}, "exp"), one(node)])),
  spelt(["Tan"], (node, x) => node.emit(div, [node.emit(sin, [x], {}, "sin"), node.emit(cos, [x], {}, "cos")])),
  spelt(["IsNan"], (node, x) => node.emit(notEqual, [x, x])),
  {
    ops: ["LeakyRelu"],
    lower: (node) => node.emit(leakyRelu, [node.input(0)], { alpha: node.floatAttr("alpha", 0.2) }),
  },
  { ops: ["Prelu"], lower: (node) => node.emit(prelu, [node.input(0), node.input(1)]) },
];
