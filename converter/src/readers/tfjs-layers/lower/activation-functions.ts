/**
 * The activation functions that Keras layers name, as IR nodes.
 * Formulas: tfjs-layers `activations.ts` and Keras `activations`; those without a TFLite operator are spelt out.
 */
import { isJsonObject } from "@flotilla/protocol/json-value";
import type { TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { cast } from "../../../ops/cast.ts";
import { div } from "../../../ops/div.ts";
import { elu } from "../../../ops/elu.ts";
import { exp } from "../../../ops/exp.ts";
import { gelu } from "../../../ops/gelu.ts";
import { greater } from "../../../ops/greater.ts";
import { hardSwish } from "../../../ops/hard-swish.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { log } from "../../../ops/log.ts";
import { logSoftmax } from "../../../ops/log-softmax.ts";
import { logistic } from "../../../ops/logistic.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { softmax } from "../../../ops/softmax.ts";
import { split } from "../../../ops/split.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { square } from "../../../ops/square.ts";
import { sub } from "../../../ops/sub.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { decodeInner } from "../layer-spec.ts";
import { camel, type Dialect, LayerRefusal } from "./lowering.ts";

type Activation = (layer: LayerBuilder, x: TensorId) => TensorId;

const plus = (layer: LayerBuilder, role: string, x: TensorId, value: number): TensorId =>
  layer.emit(add, role, [x, layer.scalar(value)]);
const times = (layer: LayerBuilder, role: string, x: TensorId, factor: number): TensorId =>
  layer.emit(mul, role, [x, layer.scalar(factor)]);

/** min(max(x, low), high) */
export const clipped = (layer: LayerBuilder, role: string, x: TensorId, low: number, high: number): TensorId =>
  layer.emit(minimum, role, [layer.emit(maximum, `${role}/low`, [x, layer.scalar(low)]), layer.scalar(high)]);

/** log(1 + eˣ), written so that no eˣ overflows: max(x, 0) + log(1 + e^-|x|). */
const softplus: Activation = (layer, x) => {
  const decay = layer.emit(exp, "softplus/exp", [
    layer.emit(neg, "softplus/neg", [layer.emit(abs, "softplus/abs", [x])]),
  ]);
  const rest = layer.emit(log, "softplus/log", [plus(layer, "softplus/plus_one", decay, 1)]);
  return layer.emit(add, "softplus", [layer.emit(relu, "softplus/relu", [x]), rest]);
};

/** Keras 3: relu6(x + 3) / 6. Before, and in TFJS: min(max(0.2·x + 0.5, 0), 1). */
const hardSigmoid: Activation = (layer, x) => {
  if (layer.isKeras3) {
    return times(
      layer,
      "hard_sigmoid",
      layer.emit(relu6, "hard_sigmoid/relu6", [plus(layer, "hard_sigmoid/add", x, 3)]),
      1 / 6,
    );
  }
  const shifted = plus(layer, "hard_sigmoid/add", times(layer, "hard_sigmoid/mul", x, 0.2), 0.5);
  const positive = layer.emit(relu, "hard_sigmoid/relu", [shifted]);
  return layer.emit(minimum, "hard_sigmoid", [positive, layer.scalar(1)]);
};

/** x where |x| or x is above the threshold, else 0. */
export function keptAbove(layer: LayerBuilder, x: TensorId, size: TensorId, threshold: number): TensorId {
  const above = layer.emit(greater, "above", [size, layer.scalar(threshold)]);
  return layer.emit(mul, "kept", [
    x,
    layer.emit(cast, "above_as_number", [above], { inDataType: "BOOL", outDataType: "FLOAT32" }),
  ]);
}

/** Halves of the last axis: a · sigmoid(b). */
const glu: Activation = (layer, x) => {
  const axis = layer.integers("last_axis", [], [layer.shapeOf(x).length - 1]);
  const [a = x, b = x] = layer.emitAll(split, "glu/split", [axis, x], { numSplits: 2 });
  return layer.emit(mul, "glu", [a, layer.emit(logistic, "glu/sigmoid", [b])]);
};

/** Constants of `selu`, as in Keras and tfjs-core. */
const seluScale = 1.0507009873554805;
const seluScaleTimesAlpha = 1.7580993408473768;

const activations: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x,
  relu: (layer, x) => layer.emit(relu, "relu", [x]),
  relu6: (layer, x) => layer.emit(relu6, "relu6", [x]),
  elu: (layer, x) => layer.emit(elu, "elu", [x]),
  sigmoid: (layer, x) => layer.emit(logistic, "sigmoid", [x]),
  tanh: (layer, x) => layer.emit(tanh, "tanh", [x]),
  exponential: (layer, x) => layer.emit(exp, "exponential", [x]),
  // Both are over the last axis when named as a function.
  softmax: (layer, x) => layer.emit(softmax, "softmax", [x], { beta: 1 }),
  logSoftmax: (layer, x) => layer.emit(logSoftmax, "log_softmax", [x]),
  softplus,
  softsign: (layer, x) =>
    layer.emit(div, "softsign", [x, plus(layer, "softsign/plus_one", layer.emit(abs, "softsign/abs", [x]), 1)]),
  hardSigmoid,
  // scale·(max(x, 0) + alpha·(elu(x) − max(x, 0))): the second term is 0 for x > 0.
  selu: (layer, x) => {
    const positive = layer.emit(relu, "selu/relu", [x]);
    const negative = layer.emit(sub, "selu/sub", [layer.emit(elu, "selu/elu", [x]), positive]);
    const up = layer.emit(mul, "selu/positive", [positive, layer.scalar(seluScale)]);
    const down = layer.emit(mul, "selu/negative", [negative, layer.scalar(seluScaleTimesAlpha)]);
    return layer.emit(add, "selu", [up, down]);
  },
  swish: (layer, x) => layer.emit(mul, "swish", [x, layer.emit(logistic, "swish/sigmoid", [x])]),
  hardSilu: (layer, x) => layer.emit(hardSwish, "hard_swish", [x]),
  mish: (layer, x) => layer.emit(mul, "mish", [x, layer.emit(tanh, "mish/tanh", [softplus(layer, x)])]),
  gelu: (layer, x) => layer.emit(gelu, "gelu", [x], { approximate: false }),
  geluNew: (layer, x) => layer.emit(gelu, "gelu", [x], { approximate: true }),
  // Keras names this with its own default slope.
  leakyRelu: (layer, x) => layer.emit(leakyRelu, "leaky_relu", [x], { alpha: 0.2 }),
  celu: (layer, x) => layer.emit(elu, "celu", [x]),
  glu,
  // (x + √(x² + 4)) / 2
  squareplus: (layer, x) => {
    const root = layer.emit(sqrt, "squareplus/sqrt", [
      plus(layer, "squareplus/four", layer.emit(square, "squareplus/square", [x]), 4),
    ]);
    return times(layer, "squareplus", layer.emit(add, "squareplus/add", [x, root]), 0.5);
  },
  logSigmoid: (layer, x) => layer.emit(neg, "log_sigmoid", [softplus(layer, layer.emit(neg, "log_sigmoid/neg", [x]))]),
  hardTanh: (layer, x) => clipped(layer, "hard_tanh", x, -1, 1),
  tanhShrink: (layer, x) => layer.emit(sub, "tanh_shrink", [x, layer.emit(tanh, "tanh_shrink/tanh", [x])]),
  hardShrink: (layer, x) => keptAbove(layer, x, layer.emit(abs, "hard_shrink/abs", [x]), 0.5),
  // x minus what lies within ±0.5
  softShrink: (layer, x) => layer.emit(sub, "soft_shrink", [x, clipped(layer, "soft_shrink/within", x, -0.5, 0.5)]),
  // (clip(x, -1, 1) + 1)² / 4 + max(x - 1, 0)
  sparsePlus: (layer, x) => {
    const bend = layer.emit(square, "sparse_plus/square", [
      plus(layer, "sparse_plus/plus_one", clipped(layer, "sparse_plus/clip", x, -1, 1), 1),
    ]);
    const line = layer.emit(relu, "sparse_plus/relu", [plus(layer, "sparse_plus/minus_one", x, -1)]);
    return layer.emit(add, "sparse_plus", [times(layer, "sparse_plus/bend", bend, 0.25), line]);
  },
  sparseSigmoid: (layer, x) =>
    clipped(
      layer,
      "sparse_sigmoid",
      times(layer, "sparse_sigmoid/half", plus(layer, "sparse_sigmoid/plus_one", x, 1), 0.5),
      0,
      1,
    ),
};
const aliases: Readonly<Record<string, string>> = { silu: "swish", hardSwish: "hardSilu", logsigmoid: "logSigmoid" };

/** The activations that are functions of one value, by their camelCase names. */
export const activationFunctions: ReadonlyMap<string, Activation> = new Map([
  ...Object.entries(activations),
  ...Object.entries(aliases).flatMap(([alias, name]) => {
    const found = activations[name];
    return found ? [[alias, found] as const] : [];
  }),
]);

/** `activation` may be absent, a name, `{class_name, config}` of a function, or of a layer. */
function activationName(config: JsonFields, key: string, fallback: string): string {
  const value = config.get(key);
  if (value === undefined) return lowerCamel(fallback);
  if (typeof value === "string") return lowerCamel(value);
  const fields = config.object(key);
  const inner = fields.get("config");
  return lowerCamel(typeof inner === "string" ? inner : fields.string("class_name"));
}

function lowerCamel(name: string): string {
  const text = camel(name);
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** A layer in an activation's place: `{class_name: "LeakyReLU", config: {…}}`. */
const isLayer = (config: JsonFields, key: string): boolean => {
  const value = config.get(key);
  return isJsonObject(value) && isJsonObject(value.config) && Object.hasOwn(value.config, "name");
};

export function refusesActivation(config: JsonFields, _dialect: Dialect, key = "activation"): string | undefined {
  const name = activationName(config, key, "linear");
  return activationFunctions.has(name) || isLayer(config, key)
    ? undefined
    : `the activation "${name}" is not converted`;
}

/** Adds the activation that the config names, if it is one. */
export function applyActivation(layer: LayerBuilder, x: TensorId, key = "activation", fallback = "linear"): TensorId {
  if (isLayer(layer.config, key)) {
    const [result = x] = layer.lowerInner(decodeInner(layer.config.object(key), layer.layer, key), key, [x]);
    return result;
  }
  const name = activationName(layer.config, key, fallback);
  const apply = activationFunctions.get(name);
  if (!apply) throw new LayerRefusal(`the activation "${name}" is not converted`);
  return apply(layer, x);
}
