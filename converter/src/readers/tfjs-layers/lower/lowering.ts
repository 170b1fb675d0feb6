/**
 * What lowers a Keras layer into IR nodes, and what such a lowering may use: its config, inputs and weights, and a builder.
 * Layers are NHWC; results are in the imported phase: batch norm and activations are nodes of their own.
 * The readers of other Keras formats share this folder; `dialect` says whose meaning a config has where the two differ.
 */
import type { TensorId } from "../../../ir/graph.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";

/** "tfjs": as tfjs-layers 4.22 runs it. "keras": as Keras 2 and 3 run it. */
export type Dialect = "tfjs" | "keras";

/** How many inputs a layer takes: one, or two and more. */
export type Arity = "one" | "many";

export interface LayerLowering {
  readonly classNames: readonly string[];
  readonly arity: Arity;
  /** Why a layer of this config cannot be converted, as far as the config alone tells; undefined when it can. */
  readonly refuses?: (config: JsonFields, dialect: Dialect, className: string) => string | undefined;
  /** Adds the nodes of one call and returns its output. Throws {@link LayerRefusal} for what only shapes tell. */
  readonly lower: (layer: LayerBuilder) => TensorId;
}

/** A call that cannot be converted, found while lowering it; the reader collects them all. */
export class LayerRefusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** The first reason there is. */
export const firstReason = (...reasons: readonly (string | undefined)[]): string | undefined =>
  reasons.find((reason) => reason !== undefined);

/** channels_first is not lowered yet. */
export function refusesChannelsFirst(config: JsonFields): string | undefined {
  return camel(config.string("data_format", "channels_last")) === "channelsLast"
    ? undefined
    : "data_format channels_first is not converted; export the model with channels_last";
}

/** "SAME" or "VALID"; anything else (causal) is refused. */
export function refusesPadding(config: JsonFields): string | undefined {
  const padding = config.string("padding", "valid");
  return padding === "same" || padding === "valid" ? undefined : `padding "${padding}" is not converted`;
}

export const paddingOf = (config: JsonFields): "SAME" | "VALID" =>
  config.string("padding", "valid") === "same" ? "SAME" : "VALID";

/** tfjs writes the values of enumerations in snake_case and keeps them in camelCase. */
export const camel = (text: string): string => text.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());
