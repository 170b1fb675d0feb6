/**
 * The same model for tfjs-layers to run, where every layer means the same there: what a conversion of a Keras model is then
 * proven against. Anything else has a reason, and recorded outputs take its place.
 * Rules: tfjs-layers 4.22 `layers/**`, Keras 2 and 3 `layers/**`; only what was compared is in the table.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import type { LayersArtifacts, Weight } from "../tfjs-layers/container.ts";
import { JsonFields } from "../tfjs-layers/json-fields.ts";
import { keras2Topology } from "../tfjs-layers/keras2-form.ts";
import { decodeModelSpec, type LayerSpec } from "../tfjs-layers/layer-spec.ts";
import type { KerasContainer } from "./keras-container.ts";
import { placesOf } from "./model-places.ts";
import { countDefinitions } from "./nested-calls.ts";
import { type TwinRule, twinRules } from "./tfjs-twin-rules.ts";

export type TfjsTwin =
  | { readonly kind: "twin"; readonly artifacts: LayersArtifacts }
  /** Which layers, and why. */
  | { readonly kind: "none"; readonly reasons: readonly string[] };

/** @throws what reading the weights throws */
export function tfjsTwin(container: KerasContainer): TfjsTwin {
  const reasons: string[] = [];
  const model = container.modelTopology.model_config;
  if (!isJsonObject(model)) return { kind: "none", reasons: ["the model has no config"] };
  const rewritten = rewriteModel(model, container.kerasMajor, reasons);
  const weights = reasons.length === 0 ? twinWeights(container, reasons) : new Map<string, Weight>();
  if (reasons.length > 0) return { kind: "none", reasons };
  return {
    kind: "twin",
    artifacts: {
      modelTopology: {
        keras_version: "2.15.0",
        model_config: countDefinitions(keras2Topology(rewritten), container.kerasMajor),
      },
      weightSpecs: [...weights].map(([name, { shape, dtype }]) => ({ name, shape, dtype })),
      weightData: [...weights.values()].map((weight) => new Uint8Array(weight.bytes()).buffer),
    },
  };
}

/** A model with its layers as tfjs takes them. Nesting is bounded by the parser that made it. */
function rewriteModel(model: JsonObject, major: number, reasons: string[]): JsonObject {
  const { class_name: className, config } = model;
  const layers = isJsonObject(config) ? config.layers : config;
  if (!Array.isArray(layers)) return model;
  const rewritten = layers.map((layer): JsonValue => {
    if (!isJsonObject(layer)) return layer;
    const nested = isJsonObject(layer.config) && Array.isArray(layer.config.layers);
    return nested ? rewriteModel(layer, major, reasons) : rewriteLayer(layer, major, reasons);
  });
  const { name, inbound_nodes: calls } = model;
  return {
    class_name: className === "Functional" ? "Model" : (className ?? "Model"),
    config: isJsonObject(config) ? { ...config, layers: rewritten } : rewritten,
    ...(name === undefined ? {} : { name }),
    ...(calls === undefined ? {} : { inbound_nodes: calls }),
  };
}

function rewriteLayer(layer: JsonObject, major: number, reasons: string[]): JsonObject {
  const fields = JsonFields.of(layer.config, "config");
  const className = typeof layer.class_name === "string" ? layer.class_name : "";
  const name = fields.string("name", "");
  const refuse = (reason: string): void => {
    reasons.push(`${name} (${className}): ${reason}`);
  };
  const rule = twinRules.get(className);
  if (isOperation(layer)) refuse("an operation, and no layer");
  const reason = rule ? rule.refuses?.(fields, major) : "no such layer in tfjs-layers, or not the same";
  if (reason !== undefined) refuse(reason);
  if (hasArguments(layer.inbound_nodes)) refuse("it is called with further arguments");
  const policy = fields.get("dtype") ?? "float32";
  if (className !== "InputLayer" && policy !== "float32") refuse(`it computes by the policy ${JSON.stringify(policy)}`);
  const { name: outerName, inbound_nodes: calls } = layer;
  return {
    class_name: className,
    config: { ...withoutTraining(fields.value, className), ...rule?.config?.(fields) },
    ...(outerName === undefined ? {} : { name: outerName }),
    ...(calls === undefined ? {} : { inbound_nodes: calls }),
  };
}

/** `keras.ops.add` and the layer Add have one class name; `.h5` files of Keras 3 do not say the module. */
const isOperation = ({ module, config, inbound_nodes: calls }: JsonObject): boolean =>
  typeof module === "string"
    ? /^keras\.(src\.)?ops\b/.test(module)
    : Array.isArray(calls) && calls.some(isJsonObject) && isJsonObject(config) && config.trainable === undefined;

/** What does not matter at inference, and what tfjs may not know, is left out; Keras 3 says silu where tfjs says swish. */
function withoutTraining(config: JsonObject, className: string): JsonObject {
  const useless = /_(initializer|regularizer|constraint)$/;
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => !useless.test(key) && (key !== "dtype" || className === "InputLayer"))
      .map(([key, value]) => [key, /activation$/.test(key) && value === "silu" ? "swish" : value]),
  );
}

/** Whether a call has arguments besides its values, but for flags and nothing; or has them by name. */
function hasArguments(calls: JsonValue | undefined): boolean {
  const matters = (value: JsonValue): boolean =>
    isJsonObject(value) && Object.values(value).some((item) => item !== null && typeof item !== "boolean");
  const isDictionary = (value: JsonValue): boolean => isJsonObject(value) && value.class_name === undefined;
  const callMatters = (call: JsonValue): boolean => {
    if (isJsonObject(call)) {
      const { args, kwargs = null } = call;
      return !Array.isArray(args) || args.some(isDictionary) || matters(kwargs);
    }
    return Array.isArray(call) && call.some((entry) => Array.isArray(entry) && matters(entry[3] ?? null));
  };
  return Array.isArray(calls) && calls.some(callMatters);
}

/** Weights by the names that tfjs gives them: the layer's, and their own. */
function twinWeights(container: KerasContainer, reasons: string[]): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  const layers = new Set<string>();
  const model = decodeModelSpec(JsonFields.of(container.modelTopology, "modelTopology"));
  const places = placesOf<null>(model, null, { members: (specs) => specs.map(() => null), attribute: () => null });
  for (const { layer } of places.values()) {
    if (layers.has(layer.name)) reasons.push(`${layer.name}: two layers have this name, and tfjs goes by names`);
    layers.add(layer.name);
    const rule = twinRules.get(layer.className);
    for (const name of rule?.weights?.(layer.config) ?? []) {
      const found = container.findWeight(rule?.cell === undefined ? layer : cellOf(layer, rule), name);
      if (found) weights.set(`${layer.name}/${name}`, found.weight);
    }
  }
  return weights;
}

const cellOf = (layer: LayerSpec, { cell = "cell" }: TwinRule): LayerSpec => ({
  ...layer,
  name: cell,
  within: { layer, attribute: "cell" },
});
