/**
 * The calls of nested models, counted as tfjs-layers counts them: there (and in Keras 2) a model's own definition is its
 * call 0, so calls start at 1. Keras 3 starts at 0, but for the list of outputs, where Functional models start at 1.
 * Of Keras 2 a reference to call N of a model that is called N times tells (`tfjs-layers/call-numbers.ts` has the rules).
 * Works on the Keras 2 form, where a reference is [layer, call, tensor, …].
 */
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";

/** Nesting is bounded by the parser that made the value. */
export function countDefinitions(model: JsonObject, kerasMajor: number): JsonObject {
  const { config } = model;
  if (!isJsonObject(config) || !Array.isArray(config.layers)) return model;
  const layers = config.layers.map((layer) => (isJsonObject(layer) ? countDefinitions(layer, kerasMajor) : layer));
  const inCalls = kerasMajor >= 3 ? nestedNames(layers, () => true) : zeroBased(layers, config);
  const inOutputs = kerasMajor >= 3 ? nestedNames(layers, (name) => name === "Sequential") : inCalls;
  const shift =
    (shifted: ReadonlySet<JsonValue | undefined>) =>
    (reference: JsonValue): JsonValue => {
      if (!Array.isArray(reference)) return reference;
      const [layer, call = 0, ...rest] = reference;
      return shifted.has(layer) && typeof call === "number" ? [layer ?? null, call + 1, ...rest] : reference;
    };
  const shiftCalls = (layer: JsonValue): JsonValue =>
    isJsonObject(layer) && Array.isArray(layer.inbound_nodes)
      ? {
          ...layer,
          inbound_nodes: layer.inbound_nodes.map((node) => (Array.isArray(node) ? node.map(shift(inCalls)) : node)),
        }
      : layer;
  const { output_layers: outputs } = config;
  return {
    ...model,
    config: {
      ...config,
      layers: layers.map(shiftCalls),
      ...(Array.isArray(outputs) ? { output_layers: outputs.map(shift(inOutputs)) } : {}),
    },
  };
}

function nestedNames(
  layers: readonly JsonValue[],
  wanted: (className: JsonValue | undefined) => boolean,
): ReadonlySet<JsonValue | undefined> {
  const nested = layers.filter(
    (layer) => isJsonObject(layer) && isJsonObject(layer.config) && Array.isArray(layer.config.layers),
  );
  return new Set(
    nested.flatMap((layer) =>
      isJsonObject(layer) && isJsonObject(layer.config) && wanted(layer.class_name)
        ? [layer.name ?? layer.config.name]
        : [],
    ),
  );
}

/** Names of the nested models none of whose references goes beyond call N - 1. */
function zeroBased(layers: readonly JsonValue[], config: JsonObject): ReadonlySet<JsonValue | undefined> {
  const calls = new Map<JsonValue | undefined, number>();
  const references: JsonValue[] = Array.isArray(config.output_layers) ? [...config.output_layers] : [];
  for (const layer of layers) {
    if (!isJsonObject(layer)) continue;
    const { config: own, inbound_nodes: nodes } = layer;
    if (Array.isArray(nodes)) references.push(...nodes.flatMap((node) => (Array.isArray(node) ? node : [])));
    const nested = isJsonObject(own) && Array.isArray(own.layers);
    if (nested && Array.isArray(nodes)) calls.set(layer.name ?? own.name, nodes.length);
  }
  const names = new Set(calls.keys());
  for (const reference of references) {
    if (Array.isArray(reference) && calls.get(reference[0]) === reference[1]) names.delete(reference[0]);
  }
  return names;
}
