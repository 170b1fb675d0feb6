/**
 * The spellings of newer Keras, rewritten to the Keras 2 form that tfjs-layers 4.22 loads; what is in that form stays as it is.
 * Keras 3 writes `batch_shape`, dtype policies as objects, inbound nodes as {args, kwargs}, single ends without their list,
 * and weight names with all scopes in front (tfjs#8494). TensorFlow 1.x and 2.0 renamed classes for a while.
 */

import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { byName } from "../by-name.ts";

const renamedClasses: ReadonlyMap<string, string> = byName({
  BatchNormalizationV1: "BatchNormalization",
  BatchNormalizationV2: "BatchNormalization",
  UnifiedGRU: "GRU",
  UnifiedLSTM: "LSTM",
});

export interface Keras2FormOptions {
  /** Leaves Keras 3's {args, kwargs} as they are: the lowering reads both, and tfjs's own form has no place for arguments. */
  readonly keepCalls?: boolean;
}

/** `modelTopology` in Keras 2 form. Nesting is bounded by the parser that made it. */
export function keras2Topology(topology: JsonObject, options: Keras2FormOptions = {}): JsonObject {
  return rewriteObject(topology, options);
}

function rewrite(value: JsonValue, options: Keras2FormOptions): JsonValue {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, options));
  return isJsonObject(value) ? rewriteObject(value, options) : value;
}

function rewriteObject(value: JsonObject, options: Keras2FormOptions): JsonObject {
  const className = value.class_name;
  const isInput = className === "InputLayer";
  const { input_layers: inputs } = value;
  const keys: JsonObject = isJsonObject(inputs) ? { input_keys: Object.keys(inputs).toSorted() } : {};
  return Object.fromEntries(
    Object.entries({ ...value, ...keys }).map(([key, item]): [string, JsonValue] => {
      if (key === "class_name" && typeof item === "string") return [key, renamedClasses.get(item) ?? item];
      if (key === "inbound_nodes" && Array.isArray(item)) return [key, item.map((call) => inboundNode(call, options))];
      if (key === "input_layers" || key === "output_layers") return [key, ends(item)];
      if (key === "dtype") return [key, dtypeName(item)];
      if (key === "config" && isInput && isJsonObject(item)) return [key, inputConfig(rewriteObject(item, options))];
      return [key, rewrite(item, options)];
    }),
  );
}

function inputConfig({ batch_shape: shape, ...config }: JsonObject): JsonObject {
  return shape === undefined || config.batch_input_shape !== undefined
    ? config
    : { ...config, batch_input_shape: shape };
}

function dtypeName(value: JsonValue): JsonValue {
  const name = isJsonObject(value) && isJsonObject(value.config) ? value.config.name : undefined;
  return typeof name === "string" ? name : value;
}

/** One call: Keras 2 has [[layer, call, tensor, kwargs], …]. */
function inboundNode(value: JsonValue, { keepCalls = false }: Keras2FormOptions): JsonValue {
  if (isJsonObject(value) && keepCalls) return value; // of either Keras
  if (isJsonObject(value) && !("args" in value)) return sortedValues(value); // name → [layer, call, tensor, kwargs]
  if (isJsonObject(value)) return keras3Tensors(value.args ?? []).map((history) => [...history, {}]);
  if (Array.isArray(value) && typeof value[0] === "string") return [value];
  return value;
}

function keras3Tensors(value: JsonValue): (readonly JsonValue[])[] {
  if (Array.isArray(value)) return value.flatMap(keras3Tensors);
  if (isJsonObject(value) && value.class_name === undefined) return sortedValues(value).flatMap(keras3Tensors);
  if (!isJsonObject(value) || value.class_name !== "__keras_tensor__" || !isJsonObject(value.config)) return [];
  const history = value.config.keras_history;
  return Array.isArray(history) ? [history] : [];
}

/** Keras flattens dictionaries in the order of their keys. */
const sortedValues = (value: JsonObject): JsonValue[] =>
  Object.keys(value)
    .toSorted()
    .map((key) => value[key] ?? null);

/** Inputs or outputs: a list of references; Keras 3 writes a bare one, and names → references for dictionaries. */
function ends(value: JsonValue): JsonValue {
  if (isJsonObject(value)) return sortedValues(value);
  return Array.isArray(value) && typeof value[0] === "string" ? [value] : value;
}

/** Names of all layers anywhere in the topology. */
export function layerNames(topology: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (value: JsonValue): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (isJsonObject(value)) {
      const { config } = value;
      if (typeof value.class_name === "string" && isJsonObject(config) && typeof config.name === "string") {
        names.add(config.name);
      }
      Object.values(value).forEach(visit);
    }
  };
  visit(topology);
  return names;
}

/** `scope/…/layer/weight:0` as `layer/weight`, where there is such a layer; other names as they are. */
export function keras2WeightName(name: string, layers: ReadonlySet<string>): string {
  const parts = name.replace(/:\d+$/, "").split("/");
  const layer = parts.at(-2);
  return layer !== undefined && layers.has(layer) ? `${layer}/${parts.at(-1)}` : parts.join("/");
}
