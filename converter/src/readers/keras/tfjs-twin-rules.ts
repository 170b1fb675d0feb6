/**
 * Layers that mean the same in Keras and in tfjs-layers 4.22, and under which conditions. Left out on purpose: hard sigmoid of
 * Keras 3 (another slope), bilinear UpSampling2D (other corners), GRU with reset_after,
 * dilated DepthwiseConv2D, grouped convolutions (ignored there), ReLU's slope (ignored there).
 */
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import type { JsonFields } from "../tfjs-layers/json-fields.ts";

export interface TwinRule {
  /** Names of the weights, as the lowering asks for them. */
  readonly weights?: (config: JsonFields) => readonly string[];
  /** The cell that holds them, in a recurrent layer. */
  readonly cell?: string;
  /** Why the two may differ, for a config; undefined where they do not. */
  readonly refuses?: (config: JsonFields, kerasMajor: number) => string | undefined;
  /** Fields that tfjs spells otherwise. */
  readonly config?: (config: JsonFields) => JsonObject;
}

type Refusal = NonNullable<TwinRule["refuses"]>;

const sameActivations = new Set(
  "linear relu relu6 elu selu sigmoid tanh softmax softplus softsign exponential swish silu mish gelu".split(" "),
);

const activation =
  (...fields: readonly string[]): Refusal =>
  (config, major) => {
    for (const field of fields) {
      const value = config.get(field) ?? "linear";
      const same = typeof value === "string" && (sameActivations.has(value) || (value === "hard_sigmoid" && major < 3));
      if (!same) return `${field} ${JSON.stringify(value)} is not the same in tfjs-layers`;
    }
    return undefined;
  };

/** The field must have one of these values, or not be there. */
const only =
  (field: string, ...values: readonly JsonValue[]): Refusal =>
  (config) => {
    const found = config.get(field) ?? null;
    const allowed = found === null || values.some((value) => JSON.stringify(value) === JSON.stringify(found));
    return allowed ? undefined : `${field} ${JSON.stringify(found)}`;
  };

const all =
  (...refusals: readonly Refusal[]): Refusal =>
  (config, major) =>
    refusals.map((refuses) => refuses(config, major)).find((reason) => reason !== undefined);

const channelsLast = only("data_format", "channels_last");
const noDilation = only("dilation_rate", 1, [1], [1, 1]);

const withBias =
  (...names: readonly string[]) =>
  (config: JsonFields): readonly string[] =>
    config.boolean("use_bias", true) ? [...names, "bias"] : names;

const optional = (config: JsonFields, flag: string, name: string): readonly string[] =>
  config.boolean(flag, true) ? [name] : [];

/** One axis, which newer Keras writes as a list. */
const axisOf = (config: JsonFields): JsonObject => {
  const axis = config.get("axis") ?? -1;
  return { axis: Array.isArray(axis) && axis.length === 1 ? (axis[0] ?? -1) : axis };
};

const convolution: TwinRule = {
  weights: withBias("kernel"),
  refuses: all(activation("activation"), channelsLast, only("padding", "same", "valid"), only("groups", 1)),
};
const pooling: TwinRule = { refuses: all(channelsLast, only("keepdims", false)) };
const same: TwinRule = {};
const recurrent = (cell: string, ...refusals: readonly Refusal[]): TwinRule => ({
  cell,
  weights: withBias("kernel", "recurrent_kernel"),
  refuses: all(activation("activation", "recurrent_activation"), only("stateful", false), ...refusals),
});

/** Class name → rule. */
export const twinRules: ReadonlyMap<string, TwinRule> = new Map<string, TwinRule>([
  ["InputLayer", { refuses: only("dtype", "float32", "int32") }],
  ["Dense", { weights: withBias("kernel"), refuses: activation("activation") }],
  ["Conv1D", convolution],
  ["Conv2D", convolution],
  ["Conv2DTranspose", { ...convolution, refuses: all(convolution.refuses!, noDilation, only("output_padding")) }],
  [
    "DepthwiseConv2D",
    {
      weights: withBias("depthwise_kernel"),
      refuses: all(activation("activation"), channelsLast, noDilation),
    },
  ],
  [
    "SeparableConv2D",
    {
      weights: withBias("depthwise_kernel", "pointwise_kernel"),
      refuses: all(activation("activation"), channelsLast, noDilation),
    },
  ],
  ["Activation", { refuses: activation("activation") }],
  ["ReLU", { refuses: all(only("negative_slope", 0), only("threshold", 0)) }],
  ["LeakyReLU", { config: (config) => ({ alpha: config.number("alpha", config.number("negative_slope", 0.3)) }) }],
  ["PReLU", { weights: () => ["alpha"] }],
  ["ELU", { refuses: only("alpha", 1) }],
  ["Softmax", { refuses: only("axis", -1), config: () => ({ axis: -1 }) }],
  [
    "BatchNormalization",
    {
      weights: (config) => [
        ...optional(config, "scale", "gamma"),
        ...optional(config, "center", "beta"),
        "moving_mean",
        "moving_variance",
      ],
      refuses: only("renorm", false),
      config: axisOf,
    },
  ],
  [
    "LayerNormalization",
    {
      weights: (config) => [...optional(config, "scale", "gamma"), ...optional(config, "center", "beta")],
      refuses: only("rms_scaling", false),
    },
  ],
  ["ZeroPadding2D", { refuses: channelsLast }],
  ["Cropping2D", { refuses: channelsLast }],
  ["UpSampling2D", { refuses: all(channelsLast, only("interpolation", "nearest")) }],
  ["Rescaling", { refuses: (config) => (typeof config.get("scale") === "number" ? undefined : "a scale per channel") }],
  ["Embedding", { weights: () => ["embeddings"], refuses: only("mask_zero", false) }],
  ["LSTM", recurrent("lstm_cell", only("time_major", false))],
  ["SimpleRNN", recurrent("simple_rnn_cell", only("time_major", false))],
  ["Concatenate", same],
  ...["Add", "Average", "Maximum", "Minimum", "Multiply"].map((name): [string, TwinRule] => [name, same]),
  ...["Flatten", "Reshape", "Permute", "RepeatVector"].map((name): [string, TwinRule] => [
    name,
    { refuses: channelsLast },
  ]),
  ...["Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"].map(
    (name): [string, TwinRule] => [name, same],
  ),
  ...["MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling"].flatMap(
    (name): [string, TwinRule][] => [
      [`${name}1D`, pooling],
      [`${name}2D`, pooling],
    ],
  ),
]);
