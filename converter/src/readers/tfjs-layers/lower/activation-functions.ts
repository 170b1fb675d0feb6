/**
 * The activation functions that Keras layers name, as IR nodes.
 * Formulas: tfjs-layers `activations.ts` and Keras `activations`; those without a TFLite operator are spelt out.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { div } from "../../../ops/div.ts";
import { elu } from "../../../ops/elu.ts";
import { exp } from "../../../ops/exp.ts";
import { gelu } from "../../../ops/gelu.ts";
import { hardSwish } from "../../../ops/hard-swish.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { log } from "../../../ops/log.ts";
import { logSoftmax } from "../../../ops/log-softmax.ts";
import { logistic } from "../../../ops/logistic.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { neg } from "../../../ops/neg.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { softmax } from "../../../ops/softmax.ts";
import { sub } from "../../../ops/sub.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { camel } from "./lowering.ts";

type Activation = (layer: LayerBuilder, x: TensorId) => TensorId;

/** log(1 + eˣ), written so that no eˣ overflows: max(x, 0) + log(1 + e^-|x|). */
const softplus: Activation = (layer, x) => {
  const decay = layer.emit(exp, "softplus/exp", [
    layer.emit(neg, "softplus/neg", [layer.emit(abs, "softplus/abs", [x])]),
  ]);
  const rest = layer.emit(log, "softplus/log", [
    layer.emit(add, "softplus/plus_one", [decay, layer.floats("one", [], [1])]),
  ]);
  return layer.emit(add, "softplus", [layer.emit(relu, "softplus/relu", [x]), rest]);
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
  softsign: (layer, x) => {
    const size = layer.emit(add, "softsign/plus_one", [
      layer.emit(abs, "softsign/abs", [x]),
      layer.floats("one", [], [1]),
    ]);
    return layer.emit(div, "softsign", [x, size]);
  },
  // min(max(0.2·x + 0.5, 0), 1)
  hardSigmoid: (layer, x) => {
    const scaled = layer.emit(mul, "hard_sigmoid/mul", [x, layer.floats("fifth", [], [0.2])]);
    const shifted = layer.emit(add, "hard_sigmoid/add", [scaled, layer.floats("half", [], [0.5])]);
    const positive = layer.emit(relu, "hard_sigmoid/relu", [shifted]);
    return layer.emit(minimum, "hard_sigmoid", [positive, layer.floats("one", [], [1])]);
  },
  // scale·(max(x, 0) + alpha·(elu(x) − max(x, 0))): the second term is 0 for x > 0.
  selu: (layer, x) => {
    const positive = layer.emit(relu, "selu/relu", [x]);
    const negative = layer.emit(sub, "selu/sub", [layer.emit(elu, "selu/elu", [x]), positive]);
    const up = layer.emit(mul, "selu/positive", [positive, layer.floats("scale", [], [seluScale])]);
    const down = layer.emit(mul, "selu/negative", [negative, layer.floats("slope", [], [seluScaleTimesAlpha])]);
    return layer.emit(add, "selu", [up, down]);
  },
  swish: (layer, x) => layer.emit(mul, "swish", [x, layer.emit(logistic, "swish/sigmoid", [x])]),
  hardSilu: (layer, x) => layer.emit(hardSwish, "hard_swish", [x]),
  mish: (layer, x) => layer.emit(mul, "mish", [x, layer.emit(tanh, "mish/tanh", [softplus(layer, x)])]),
  gelu: (layer, x) => layer.emit(gelu, "gelu", [x], { approximate: false }),
  geluNew: (layer, x) => layer.emit(gelu, "gelu", [x], { approximate: true }),
  // Keras names this with its own default slope.
  leakyRelu: (layer, x) => layer.emit(leakyRelu, "leaky_relu", [x], { alpha: 0.2 }),
};
const aliases: Readonly<Record<string, string>> = { silu: "swish", hardSwish: "hardSilu" };

/** `activation` may be absent, a name, or `{class_name, config}`. */
function activationName(config: JsonFields): string {
  const value = config.get("activation");
  if (value === undefined) return "linear";
  const name = camel(typeof value === "string" ? value : config.object("activation").string("class_name"));
  const lower = name.charAt(0).toLowerCase() + name.slice(1);
  return aliases[lower] ?? lower;
}

export function refusesActivation(config: JsonFields): string | undefined {
  const name = activationName(config);
  return Object.hasOwn(activations, name) ? undefined : `the activation "${name}" is not converted`;
}

/** Adds the activation that the config names, if it is one. */
export function applyActivation(layer: LayerBuilder, x: TensorId): TensorId {
  const apply = activations[activationName(layer.config)];
  if (!apply) throw layer.fault(`its activation "${activationName(layer.config)}" is not known`);
  return apply(layer, x);
}
