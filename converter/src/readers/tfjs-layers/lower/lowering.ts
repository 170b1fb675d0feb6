/**
 * What lowers a Keras layer into IR nodes, and what such a lowering may use: its config, inputs and weights, and a builder.
 * Layers are NHWC; results are in the imported phase: batch norm and activations are nodes of their own.
 * The readers of other Keras formats share this folder; `dialect` says whose meaning a config has where the two differ.
 */
import type { TensorId } from "../../../ir/graph.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder, Mask } from "../layer-builder.ts";

/** "tfjs": as tfjs-layers 4.22 runs it. "keras": as Keras 2 and 3 run it. */
export type Dialect = "tfjs" | "keras";

/** How many values flow into a layer: one; two and more (or a list of one); or as its arguments say. */
export type Arity = "one" | "many" | "any";

/**
 * What stands behind a layer when a mask stands before it: the same one, none, or one that is not followed, so that a
 * layer further on that looks at it is refused.
 */
export type Masking = "keeps" | "drops" | "unclear";

export interface LayerLowering {
  readonly classNames: readonly string[];
  readonly arity: Arity;
  /** Why a layer of this config cannot be converted, as far as the config alone tells; undefined when it can. */
  readonly refuses?: (config: JsonFields, dialect: Dialect, className: string) => string | undefined;
  /** Adds the nodes of one call and returns its output, or all of them. Throws {@link LayerRefusal} for what only shapes tell. */
  readonly lower: (layer: LayerBuilder) => TensorId | readonly TensorId[];
  /** Left out: "drops" for Keras (`supports_masking` is false), "unclear" for tfjs, which throws then. */
  readonly masking?: Masking | ((config: JsonFields) => Masking);
  /** The mask that the layer itself makes: a boolean [batch, steps]. */
  readonly makeMask?: (layer: LayerBuilder) => TensorId | undefined;
  /** Which inputs have no mask any more once the layer has run: Keras 3's MultiHeadAttention takes it from the value itself. */
  readonly takesMasksOf?: (layer: LayerBuilder) => readonly number[];
  /** The mask behind a layer of several inputs, of which some have one. */
  readonly mergeMasks?: (layer: LayerBuilder, masks: readonly (Mask | undefined)[]) => Mask | undefined;
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

/** "SAME" or "VALID"; anything else (causal) is refused. */
export function refusesPadding(config: JsonFields): string | undefined {
  const padding = config.string("padding", "valid");
  return padding === "same" || padding === "valid" ? undefined : `padding "${padding}" is not converted`;
}

export const paddingOf = (config: JsonFields): "SAME" | "VALID" =>
  config.string("padding", "valid") === "same" ? "SAME" : "VALID";

/** tfjs writes the values of enumerations in snake_case and keeps them in camelCase. */
export const camel = (text: string): string => text.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());
