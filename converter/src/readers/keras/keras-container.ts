/** What a Keras file gives, of whichever version and wrapping: the layers in Keras 2 form, and weights by their place. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { Weight } from "../tfjs-layers/container.ts";
import { JsonFields } from "../tfjs-layers/json-fields.ts";
import { keras2Topology } from "../tfjs-layers/keras2-form.ts";
import type { LayersModelSource } from "../tfjs-layers/lower-model.ts";
import type { WeightFinder } from "../tfjs-layers/weight-store.ts";
import { nameForeignClasses } from "./foreign-classes.ts";

export interface KerasContainer extends LayersModelSource {
  readonly dialect: "keras";
  /** As the file says it, e.g. "3.5.0" or "2.15.0"; "" where it does not. */
  readonly kerasVersion: string;
  readonly kerasMajor: number;
  readonly findWeight: WeightFinder;
}

/** How a wrapping keeps its weights. */
export interface KerasWeights {
  /** Those that layers must take, by their names in the file: an optimizer's are left out. */
  readonly weights: ReadonlyMap<string, Weight>;
  readonly find: WeightFinder;
}

/** Configs are some MB at most; nesting stays below a hundred. */
const jsonLimits = { maxBytes: 256 * 2 ** 20, maxDepth: 256, maxValues: 20_000_000, numbers: "finite" } as const;

/** @throws FORMAT_JSON, FORMAT_LIMIT */
export function parseConfig(text: Uint8Array | string, what: string): JsonObject {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return JsonFields.of(parseStrictJson(bytes, jsonLimits), what).value;
}

/**
 * The topology that the layers are lowered from.
 * @throws UNSUPPORTED_LAYER for a model that is a class of its own: its code is not in the file
 */
export function topologyOf(config: JsonObject, kerasVersion: string, label: string): JsonObject {
  const model = nameForeignClasses(config);
  refuseSubclassed(model, label);
  return keras2Topology({ keras_version: kerasVersion, model_config: model }, { keepCalls: true });
}

export const majorOf = (kerasVersion: string, fallback: number): number =>
  Number(/^(\d{1,3})\./.exec(kerasVersion)?.[1] ?? fallback);

function refuseSubclassed(model: JsonObject, label: string): void {
  const { class_name: className, config } = model;
  if (typeof className !== "string" || hasLayers(config)) return;
  throw new FlotillaError(
    "UNSUPPORTED_LAYER",
    `${label}: the model is a class of its own, ${className}, whose code is not in the file. ` +
      "Build it from Sequential or the functional API, or export it as a SavedModel.",
    { details: [{ node: "(model)", operator: className, reason: "a subclassed model" }] },
  );
}

/** Keras before 2.2 wrote the list of a Sequential's layers itself. */
const hasLayers = (config: JsonValue | undefined): boolean =>
  Array.isArray(config) || (isJsonObject(config) && Array.isArray(config.layers));
