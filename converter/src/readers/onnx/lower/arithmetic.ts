/** Elementwise arithmetic, comparison and logic: one TFLite operator each, or a few where TFLite has none. */
import { type Attributes, elementCount, type TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { atan2 } from "../../../ops/atan2.ts";
import { ceil } from "../../../ops/ceil.ts";
import { cos } from "../../../ops/cos.ts";
import type { Op } from "../../../ops/define-op.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { exp } from "../../../ops/exp.ts";
import { floor } from "../../../ops/floor.ts";
import { floorMod } from "../../../ops/floor-mod.ts";
import { greater } from "../../../ops/greater.ts";
import { greaterEqual } from "../../../ops/greater-equal.ts";
import { less } from "../../../ops/less.ts";
import { lessEqual } from "../../../ops/less-equal.ts";
import { log } from "../../../ops/log.ts";
import { logicalAnd } from "../../../ops/logical-and.ts";
import { logicalNot } from "../../../ops/logical-not.ts";
import { logicalOr } from "../../../ops/logical-or.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { pow } from "../../../ops/pow.ts";
import { round } from "../../../ops/round.ts";
import { rsqrt } from "../../../ops/rsqrt.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sign } from "../../../ops/sign.ts";
import { sin } from "../../../ops/sin.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { sub } from "../../../ops/sub.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { castTo, reshaped } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

const unary = <A extends Attributes>(operator: string, op: Op<A>): OnnxLowering => ({
  operators: [operator],
  lower: (node) => node.emit(op, "", [node.input(0)]),
});

const binary = <A extends Attributes>(operator: string, op: Op<A>): OnnxLowering => ({
  operators: [operator],
  lower: (node) => node.emit(op, "", [node.input(0), secondOf(node)]),
});

/** Before version 7 the second operand says which axis of the first it starts at. */
function secondOf(node: NodeBuilder): TensorId {
  const b = node.input(1);
  if (node.version >= 7 || !node.has("axis")) return b;
  const behind = node.rank(node.input(0)) - node.int("axis", 0) - node.rank(b);
  return reshaped(node, "aligned", b, [...node.shape(b), ...new Array<number>(Math.max(behind, 0)).fill(1)]);
}

/** Any number of operands, two at a time. */
const variadic = <A extends Attributes>(operator: string, op: Op<A>): OnnxLowering => ({
  operators: [operator],
  lower: (node) => folded(node, op),
});

function folded<A extends Attributes>(node: NodeBuilder, op: Op<A>): TensorId {
  return node.inputs
    .slice(1)
    .reduce<TensorId>((sum, _, at) => node.emit(op, at === 0 ? "" : `${at}`, [sum, node.input(at + 1)]), node.input(0));
}

const mean: OnnxLowering = {
  operators: ["Mean"],
  lower: (node) => {
    const sum = folded(node, add);
    return node.emit(mul, "mean", [sum, node.scalar("share", 1 / node.inputs.length)]);
  },
};

const power: OnnxLowering = {
  operators: ["Pow"],
  lower: (node) => {
    const x = node.input(0);
    const dtype = node.dtype(x);
    const given = secondOf(node);
    const values = node.graph.valuesOf(given);
    const exponent = values?.length === 1 && node.rank(given) <= node.rank(x) ? values[0] : undefined;
    if (dtype === "float32") {
      if (exponent === 1) return x;
      if (exponent === 2) return node.emit(square, "", [x]);
      if (exponent === 3) return node.emit(mul, "", [node.emit(square, "square", [x]), x]);
      if (exponent === 0.5) return node.emit(sqrt, "", [x]);
      if (exponent === -0.5) return node.emit(rsqrt, "", [x]);
      if (exponent === -1) return node.emit(div, "", [node.scalar("one", 1), x]);
      return node.emit(pow, "", [x, castTo(node, "exponent", given, dtype)]);
    }
    if (node.isFloat(given)) {
      const result = node.emit(pow, "float", [castTo(node, "base", x, "float32"), given]);
      return castTo(node, "", result, dtype);
    }
    return node.emit(pow, "", [x, castTo(node, "exponent", given, dtype)]);
  },
};

/** `fmod`: the sign of the dividend, as in C; else that of the divisor, as FLOOR_MOD has it. */
const modulo: OnnxLowering = {
  operators: ["Mod"],
  lower: (node) => {
    const [a, b] = [node.input(0), node.input(1)];
    if (!node.flag("fmod", false)) return node.emit(floorMod, "", [a, b]);
    const size = node.emit(floorMod, "size", [node.emit(abs, "a", [a]), node.emit(abs, "b", [b])]);
    const negative = node.emit(less, "negative", [a, node.scalar("zero", 0, node.dtype(a))]);
    return node.emit(selectV2, "", [negative, node.emit(neg, "turned", [size]), size]);
  },
};

const reciprocal: OnnxLowering = {
  operators: ["Reciprocal"],
  lower: (node) => node.emit(div, "", [node.scalar("one", 1), node.input(0)]),
};

const exclusiveOr: OnnxLowering = {
  operators: ["Xor"],
  lower: (node) => node.emit(notEqual, "", [node.input(0), node.input(1)]),
};

const notANumber: OnnxLowering = {
  operators: ["IsNaN"],
  lower: (node) => node.emit(notEqual, "", [node.input(0), node.input(0)]),
};

/** Beyond the largest finite number, on either side or one. */
const isInfinite: OnnxLowering = {
  operators: ["IsInf"],
  lower: (node) => {
    const x = node.input(0);
    const most = 3.4028234663852886e38;
    const above = () => node.emit(greater, "above", [x, node.scalar("most", most)]);
    const below = () => node.emit(less, "below", [x, node.scalar("least", -most)]);
    const [up, down] = [node.flag("detect_positive", true), node.flag("detect_negative", true)];
    if (up && down) return node.emit(logicalOr, "", [above(), below()]);
    if (up) return above();
    if (down) return below();
    return node.emit(notEqual, "", [x, x]);
  },
};

const where: OnnxLowering = {
  operators: ["Where"],
  lower: (node) => node.emit(selectV2, "", [node.input(0), node.input(1), node.input(2)]),
};

/** `(e^x ± e^−x) / 2` and their quotient are TFLite's to compose; TANH it has. */
const hyperbolic = (operator: string, op: typeof add | typeof sub): OnnxLowering => ({
  operators: [operator],
  lower: (node) => {
    const x = node.input(0);
    const [up, down] = [node.emit(exp, "up", [x]), node.emit(exp, "down", [node.emit(neg, "minus", [x])])];
    const both = op === add ? node.emit(add, "both", [up, down]) : node.emit(sub, "both", [up, down]);
    return node.emit(mul, "", [both, node.scalar("half", 0.5)]);
  },
});

const tangent: OnnxLowering = {
  operators: ["Tan"],
  lower: (node) => {
    const x = node.input(0);
    return node.emit(div, "", [node.emit(sin, "sin", [x]), node.emit(cos, "cos", [x])]);
  },
};

/** `sign(x) · log(|x| + √(x² + 1))` */
const areaSine: OnnxLowering = {
  operators: ["Asinh"],
  lower: (node) => {
    const x = node.input(0);
    const size = node.emit(abs, "size", [x]);
    const squared = node.emit(add, "squared", [node.emit(square, "square", [x]), node.scalar("one", 1)]);
    const sum = node.emit(add, "sum", [size, node.emit(sqrt, "root", [squared])]);
    const negative = node.emit(less, "negative", [x, node.scalar("zero", 0)]);
    const result = node.emit(log, "log", [sum]);
    return node.emit(selectV2, "", [negative, node.emit(neg, "turned", [result]), result]);
  },
};

/** `log(x + √(x² − 1))` */
const areaCosine: OnnxLowering = {
  operators: ["Acosh"],
  lower: (node) => {
    const x = node.input(0);
    const squared = node.emit(sub, "squared", [node.emit(square, "square", [x]), node.scalar("one", 1)]);
    return node.emit(log, "", [node.emit(add, "sum", [x, node.emit(sqrt, "root", [squared])])]);
  },
};

/** `½ · log((1 + x) / (1 − x))` */
const areaTangent: OnnxLowering = {
  operators: ["Atanh"],
  lower: (node) => {
    const x = node.input(0);
    const one = node.scalar("one", 1);
    const quotient = node.emit(div, "quotient", [node.emit(add, "above", [one, x]), node.emit(sub, "below", [one, x])]);
    return node.emit(mul, "", [node.emit(log, "log", [quotient]), node.scalar("half", 0.5)]);
  },
};

/** TFLite has the angle of (x, y) only; the others follow from a right triangle. */
const arcs: readonly OnnxLowering[] = [
  {
    operators: ["Atan"],
    lower: (node) => node.emit(atan2, "", [node.input(0), onesLike(node, node.input(0))]),
  },
  {
    operators: ["Asin"],
    lower: (node) => node.emit(atan2, "", [node.input(0), legOf(node, node.input(0))]),
  },
  {
    operators: ["Acos"],
    lower: (node) => node.emit(atan2, "", [legOf(node, node.input(0)), node.input(0)]),
  },
];

/** Its kernel does not broadcast. */
const onesLike = (node: NodeBuilder, x: TensorId): TensorId =>
  node.floats32("ones", new Float32Array(elementCount(node.shape(x))).fill(1), node.shape(x));

/** `√(1 − x²)` */
const legOf = (node: NodeBuilder, x: TensorId): TensorId =>
  node.emit(sqrt, "leg", [node.emit(sub, "rest", [node.scalar("one", 1), node.emit(square, "square", [x])])]);

export const arithmetic: readonly OnnxLowering[] = [
  unary("Abs", abs),
  unary("Ceil", ceil),
  unary("Cos", cos),
  unary("Exp", exp),
  unary("Floor", floor),
  unary("Log", log),
  unary("Neg", neg),
  unary("Round", round),
  unary("Sign", sign),
  unary("Sin", sin),
  unary("Sqrt", sqrt),
  unary("Not", logicalNot),
  binary("Add", add),
  binary("Sub", sub),
  binary("Mul", mul),
  binary("Div", div),
  binary("Equal", equal),
  binary("Greater", greater),
  binary("GreaterOrEqual", greaterEqual),
  binary("Less", less),
  binary("LessOrEqual", lessEqual),
  binary("And", logicalAnd),
  binary("Or", logicalOr),
  variadic("Max", maximum),
  variadic("Min", minimum),
  variadic("Sum", add),
  mean,
  power,
  modulo,
  reciprocal,
  exclusiveOr,
  notANumber,
  isInfinite,
  where,
  hyperbolic("Sinh", sub),
  hyperbolic("Cosh", add),
  tangent,
  areaSine,
  areaCosine,
  areaTangent,
  ...arcs,
];
