/**
 * Activation functions. Where TFLite has the operator it is used; the others are composed so that no value overflows on
 * the way. Formulas: ONNX's Operators.md.
 */
import { elementCount, type TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { div } from "../../../ops/div.ts";
import { elu } from "../../../ops/elu.ts";
import { erf } from "../../../ops/erf.ts";
import { exp } from "../../../ops/exp.ts";
import { gelu } from "../../../ops/gelu.ts";
import { greater } from "../../../ops/greater.ts";
import { hardSwish } from "../../../ops/hard-swish.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { less } from "../../../ops/less.ts";
import { log } from "../../../ops/log.ts";
import { logistic } from "../../../ops/logistic.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { prelu } from "../../../ops/prelu.ts";
import { relu } from "../../../ops/relu.ts";
import { reluN1To1 } from "../../../ops/relu-n1-to-1.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { channelsFirst, channelsLast, reshaped } from "./compose.ts";
import type { OnnxLowering } from "./lowering.ts";

const lowering = (operator: string, lower: (node: NodeBuilder, x: TensorId) => TensorId): OnnxLowering => ({
  operators: [operator],
  lower: (node) => lower(node, node.input(0)),
});

const scaled = (node: NodeBuilder, role: string, x: TensorId, factor: number): TensorId =>
  factor === 1 ? x : node.emit(mul, role, [x, node.scalar(`${role}/factor`, factor)]);

const shifted = (node: NodeBuilder, role: string, x: TensorId, offset: number): TensorId =>
  offset === 0 ? x : node.emit(add, role, [x, node.scalar(`${role}/offset`, offset)]);

/** The numbers below zero, the others as zero. */
const below = (node: NodeBuilder, x: TensorId): TensorId => node.emit(minimum, "below", [x, node.scalar("zero", 0)]);

/** `max(x, 0) · gain + alpha · gain · (e^(min(x, 0) / width) − 1)`; TFLite's ELU is that with ones. */
function elus(node: NodeBuilder, x: TensorId, alpha: number, { width = 1, gain = 1 } = {}): TensorId {
  if (alpha === 1 && width === 1 && gain === 1) return node.emit(elu, "", [x]);
  const low = node.emit(elu, "low", [scaled(node, "narrow", below(node, x), 1 / width)]);
  const high = scaled(node, "high/gain", node.emit(relu, "high", [x]), gain);
  return node.emit(add, "", [high, scaled(node, "low/gain", low, alpha * gain)]);
}

/** `log(1 + e^x)` as `max(x, 0) + log(1 + e^−|x|)`. */
export function softplusOf(node: NodeBuilder, role: string, x: TensorId): TensorId {
  const size = node.emit(neg, `${role}/minus`, [node.emit(abs, `${role}/size`, [x])]);
  const rest = node.emit(log, `${role}/log`, [shifted(node, `${role}/sum`, node.emit(exp, `${role}/exp`, [size]), 1)]);
  return node.emit(add, role === "softplus" ? "softplus" : role, [node.emit(relu, `${role}/high`, [x]), rest]);
}

/** Between two bounds, either of which may be missing. */
export function clamped(node: NodeBuilder, x: TensorId, least: TensorId | null, most: TensorId | null): TensorId {
  const one = (id: TensorId | null): number | undefined => {
    const values = id === null ? undefined : node.graph.valuesOf(id);
    return values?.length === 1 ? values[0] : undefined;
  };
  const [low, high] = [one(least), one(most)];
  const open = most === null || (high !== undefined && high >= 3.4e38);
  if (node.isFloat(x)) {
    if (low === 0 && open) return node.emit(relu, "", [x]);
    if (low === 0 && high === 6) return node.emit(relu6, "", [x]);
    if (low === -1 && high === 1) return node.emit(reluN1To1, "", [x]);
  }
  const scalarOf = (id: TensorId) => reshaped(node, "bound", id, []);
  const above =
    least === null || (low !== undefined && low <= -3.4e38) ? x : node.emit(maximum, "least", [x, scalarOf(least)]);
  return open || most === null ? above : node.emit(minimum, "", [above, scalarOf(most)]);
}

const clip: OnnxLowering = {
  operators: ["Clip"],
  lower: (node) => {
    const x = node.input(0);
    const bound = (name: string, at: number): TensorId | null =>
      node.has(name) ? node.scalar(name, node.float(name, 0)) : node.optional(at);
    return clamped(node, x, bound("min", 1), bound("max", 2));
  },
};

/** The slope broadcasts to the right; one per channel, [C, 1, 1], is what TFLite has channels last for. */
const preluLowering: OnnxLowering = {
  operators: ["PRelu"],
  lower: (node) => {
    const [x, slope] = [node.input(0), node.input(1)];
    const [rank, sizes] = [node.rank(x), node.shape(slope)];
    // One slope for all: kernels of PRELU read as many as there are channels.
    const values = elementCount(sizes) === 1 ? node.graph.valuesOf(slope) : undefined;
    if (values) return node.emit(leakyRelu, "", [x], { alpha: values[0] ?? 0 });
    const channels = node.shape(x)[1] ?? 1;
    // Before version 7 a list is per channel; since then it broadcasts like anything else.
    const old = node.version < 7 && sizes.length === 1 && sizes[0] === channels;
    const whole = old
      ? [1, channels, ...new Array<number>(rank - 2).fill(1)]
      : [...new Array<number>(Math.max(0, rank - sizes.length)).fill(1), ...sizes];
    const perChannel = rank >= 3 && whole.every((size, axis) => (axis === 1 ? size === channels : size === 1));
    if (!perChannel) return node.emit(prelu, "", [x, slope]);
    const alpha = reshaped(node, "slope", slope, [...new Array<number>(rank - 2).fill(1), channels]);
    return channelsFirst(node, "", node.emit(prelu, "prelu", [channelsLast(node, "last", x), alpha]));
  },
};

const hardSigmoid = lowering("HardSigmoid", (node, x) => {
  const [alpha, beta] = [node.float("alpha", 0.2), node.float("beta", 0.5)];
  if (Math.abs(alpha - 1 / 6) < 1e-6 && beta === 0.5) {
    // The spelling that passes know: relu6(x + 3) / 6.
    return scaled(node, "", node.emit(relu6, "relu6", [shifted(node, "shifted", x, 3)]), 1 / 6);
  }
  const line = shifted(node, "line", scaled(node, "slope", x, alpha), beta);
  return node.emit(minimum, "", [node.emit(relu, "above", [line]), node.scalar("one", 1)]);
});

const geluLowering: OnnxLowering = {
  operators: ["Gelu", "com.microsoft.Gelu"],
  lower: (node) => node.emit(gelu, "", [node.input(0)], { approximate: node.string("approximate", "none") === "tanh" }),
};

const thresholdedRelu = lowering("ThresholdedRelu", (node, x) => {
  const kept = node.emit(greater, "kept", [x, node.scalar("alpha", node.float("alpha", 1))]);
  return node.emit(selectV2, "", [kept, x, node.scalar("zero", 0)]);
});

const shrink = lowering("Shrink", (node, x) => {
  const [bias, lambda] = [node.float("bias", 0), node.float("lambd", 0.5)];
  const zero = node.scalar("zero", 0);
  const [low, high] = [
    node.emit(less, "low", [x, node.scalar("-lambda", -lambda)]),
    node.emit(greater, "high", [x, node.scalar("lambda", lambda)]),
  ];
  const upper = node.emit(selectV2, "upper", [high, shifted(node, "down", x, -bias), zero]);
  return node.emit(selectV2, "", [low, shifted(node, "up", x, bias), upper]);
});

export const activations: readonly OnnxLowering[] = [
  lowering("Relu", (node, x) => node.emit(relu, "", [x])),
  lowering("Sigmoid", (node, x) => node.emit(logistic, "", [x])),
  lowering("Tanh", (node, x) => node.emit(tanh, "", [x])),
  lowering("LeakyRelu", (node, x) => node.emit(leakyRelu, "", [x], { alpha: node.float("alpha", 0.01) })),
  lowering("Elu", (node, x) => elus(node, x, node.float("alpha", 1))),
  lowering("Selu", (node, x) =>
    elus(node, x, node.float("alpha", 1.6732631921768188), {
      gain: node.float("gamma", 1.0507010221481323),
    }),
  ),
  lowering("Celu", (node, x) => {
    const alpha = node.float("alpha", 1);
    return elus(node, x, alpha, { width: alpha });
  }),
  lowering("HardSwish", (node, x) => node.emit(hardSwish, "", [x])),
  lowering("Mish", (node, x) => node.emit(mul, "", [x, node.emit(tanh, "tanh", [softplusOf(node, "softplus", x)])])),
  lowering("Softplus", (node, x) => softplusOf(node, "softplus", x)),
  lowering("Softsign", (node, x) => node.emit(div, "", [x, shifted(node, "sum", node.emit(abs, "size", [x]), 1)])),
  lowering("Erf", (node, x) => node.emit(erf, "", [x])),
  {
    operators: ["com.microsoft.QuickGelu"],
    lower: (node) => {
      const x = node.input(0);
      return node.emit(mul, "", [
        x,
        node.emit(logistic, "gate", [scaled(node, "slope", x, node.float("alpha", 1.702))]),
      ]);
    },
  },
  thresholdedRelu,
  shrink,
  clip,
  preluLowering,
  hardSigmoid,
  geluLowering,
];
