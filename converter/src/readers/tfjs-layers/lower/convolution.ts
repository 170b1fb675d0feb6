/**
 * Convolutions over one and two axes: plain, grouped, depthwise, separable, transposed.
 * Weights: Keras keeps HWIO, depthwise HWIM, transposed HWOI; TFLite takes OHWI and, depthwise, [1, H, W, I·M].
 * Rules: tfjs-layers `layers/convolutional.ts`, `layers/convolutional_depthwise.ts`, `utils/conv_utils.ts`; Keras
 * `layers/convolutional/*.py`, `backend/common/backend_utils.py`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { conv2d } from "../../../ops/conv-2d.ts";
import { depthwiseConv2d } from "../../../ops/depthwise-conv-2d.ts";
import { pad } from "../../../ops/pad.ts";
import { transposeConv } from "../../../ops/transpose-conv.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import { imagePair, inChannelsLast, overImages, spatialRank } from "./layout.ts";
import { type Dialect, firstReason, type LayerLowering, LayerRefusal, paddingOf, refusesPadding } from "./lowering.ts";

const isCausal = (config: JsonFields): boolean => config.string("padding", "valid") === "causal";

const refuses = (config: JsonFields, dialect: Dialect): string | undefined =>
  firstReason(
    isCausal(config) && dialect === "keras" ? undefined : refusesPadding(config),
    refusesActivation(config, dialect),
  );

const biasOf = (layer: LayerBuilder, channels: number): TensorId | null =>
  layer.config.boolean("use_bias", true) ? layer.weight("bias", [channels]) : null;

/** The spatial sizes of a stored kernel: of a layer over one axis, without that of size 1. */
const storedSizes = (layer: LayerBuilder, [h, w]: readonly [number, number]): readonly number[] =>
  spatialRank(layer.className) === 1 ? [w] : [h, w];

/** Axes of a stored kernel [...spatial, a, b] as [b, ...spatial, a]; what is left out has size 1. */
function filterOf(
  layer: LayerBuilder,
  weight: string,
  [h, w]: readonly [number, number],
  i: number,
  o: number,
  order: "IO" | "OI" = "IO",
): TensorId {
  const sizes = storedSizes(layer, [h, w]);
  const n = sizes.length;
  const spatial = sizes.map((_, axis) => axis);
  return layer.weight(weight, [...sizes, ...(order === "IO" ? [i, o] : [o, i])], {
    key: "OHWI",
    shape: [o, h, w, i],
    permutation: order === "IO" ? [n + 1, ...spatial, n] : [n, ...spatial, n + 1],
  });
}

/** Stride, dilation and padding under the names of both TFLite convolutions. */
function window(layer: LayerBuilder) {
  const [strideH, strideW] = imagePair(layer, "strides", 1, 1);
  const [dilationHFactor, dilationWFactor] = imagePair(layer, "dilation_rate", 1, 1);
  return { padding: paddingOf(layer.config), strideH, strideW, dilationHFactor, dilationWFactor };
}

/** Causal: zeros in front, as many as the kernel reaches back. */
function causal(layer: LayerBuilder, kernel: readonly [number, number]): TensorId {
  if (!isCausal(layer.config)) return layer.input;
  const front = (kernel[1] - 1) * window(layer).dilationWFactor;
  return layer.emit(pad, "causal", [layer.input, layer.integers("paddings", [4, 2], [0, 0, 0, 0, front, 0, 0, 0])]);
}

const convolved = (lower: (layer: LayerBuilder) => TensorId): LayerLowering["lower"] =>
  inChannelsLast((layer) => applyActivation(layer, overImages(lower)(layer)));

export const convLayer: LayerLowering = {
  classNames: ["Conv1D", "Convolution1D", "Conv2D", "Convolution2D"],
  arity: "one",
  refuses,
  lower: convolved((layer) => {
    const { config, input } = layer;
    const channels = layer.sizeOf(input, 3);
    const kernel = imagePair(layer, "kernel_size", 1);
    const filters = config.count("filters");
    const groups = config.count("groups", 1);
    if (channels % groups !== 0 || filters % groups !== 0) {
      throw layer.fault(`${channels} channels and ${filters} filters cannot be cut into ${groups} groups`);
    }
    const filter = filterOf(layer, "kernel", kernel, channels / groups, filters);
    return layer.emit(conv2d, "conv", [causal(layer, kernel), filter, biasOf(layer, filters)], window(layer));
  }),
};

/** The input through a depthwise kernel of the layer; I·M channels come out. */
function depthwise(layer: LayerBuilder, bias: (channels: number) => TensorId | null): TensorId {
  const channels = layer.sizeOf(layer.input, 3);
  const kernel = imagePair(layer, "kernel_size", 1);
  const depthMultiplier = layer.config.count("depth_multiplier", 1);
  const filter = layer.weight("depthwise_kernel", [...storedSizes(layer, kernel), channels, depthMultiplier], {
    key: "1HWC",
    shape: [1, ...kernel, channels * depthMultiplier],
  });
  const operands = [causal(layer, kernel), filter, bias(channels * depthMultiplier)];
  return layer.emit(depthwiseConv2d, "depthwise", operands, { ...window(layer), depthMultiplier });
}

export const depthwiseConvLayer: LayerLowering = {
  classNames: ["DepthwiseConv1D", "DepthwiseConv2D"],
  arity: "one",
  refuses: (config, dialect) => firstReason(refuses(config, dialect), refusesDilation(config, dialect)),
  lower: convolved((layer) => depthwise(layer, (channels) => biasOf(layer, channels))),
};

/** tfjs-layers has `// TODO: Add support for dilation` and runs such a layer without it: two meanings, so neither. */
function refusesDilation(config: JsonFields, dialect: Dialect): string | undefined {
  const value = config.get("dilation_rate") ?? 1;
  if (dialect === "keras" || [value].flat().every((rate) => rate === 1)) return undefined;
  return `tfjs-layers runs it without its dilation_rate ${JSON.stringify(value)}: it means another thing in Keras than in TFJS`;
}

export const separableConvLayer: LayerLowering = {
  classNames: ["SeparableConv1D", "SeparableConvolution1D", "SeparableConv2D", "SeparableConvolution2D"],
  arity: "one",
  refuses,
  lower: convolved((layer) => {
    const middle = depthwise(layer, () => null);
    const filters = layer.config.count("filters");
    const filter = filterOf(layer, "pointwise_kernel", [1, 1], layer.sizeOf(middle, 3), filters);
    const attributes = { padding: "VALID", strideH: 1, strideW: 1 } as const;
    return layer.emit(conv2d, "pointwise", [middle, filter, biasOf(layer, filters)], attributes);
  }),
};

/** One number per axis of an image, or null: output_padding. */
function outputPadding(layer: LayerBuilder): readonly (number | null)[] {
  const value = layer.config.get("output_padding");
  if (value === undefined) return [null, null];
  const [h = 0, w = h] = [value].flat();
  if (typeof h !== "number" || typeof w !== "number") throw layer.fault("its output_padding is no number");
  return spatialRank(layer.className) === 1 ? [null, w] : [h, w];
}

export const convTransposeLayer: LayerLowering = {
  classNames: [
    "Conv1DTranspose",
    "Convolution1DTranspose",
    "Conv2DTranspose",
    "Convolution2DTranspose",
    "Deconvolution2D",
  ],
  arity: "one",
  refuses: (config, dialect) =>
    firstReason(
      refuses(config, dialect),
      refusesDilation(config, dialect),
      config.has("output_padding") && dialect === "tfjs" ? "tfjs-layers runs it without its output_padding" : undefined,
      isCausal(config) ? "a transposed convolution cannot be causal" : undefined,
    ),
  lower: convolved((layer) => {
    const { config, input } = layer;
    const [batch, height, width, channels] = [0, 1, 2, 3].map((axis) => layer.sizeOf(input, axis)) as [
      number,
      number,
      number,
      number,
    ];
    const kernel = imagePair(layer, "kernel_size", 1);
    const { padding, strideH, strideW, dilationHFactor, dilationWFactor } = window(layer);
    if (dilationHFactor !== 1 || dilationWFactor !== 1) {
      throw new LayerRefusal("TRANSPOSE_CONV has no dilation; export the model without dilation_rate in this layer");
    }
    const extra = outputPadding(layer);
    // Keras `deconv_output_length`; tfjs `deconvLength` is its case without output_padding.
    const grown = (size: number, stride: number, axis: 0 | 1): number => {
      const more = extra[axis] ?? null;
      if (more === null) return size * stride + (padding === "VALID" ? Math.max(kernel[axis] - stride, 0) : 0);
      return (size - 1) * stride + kernel[axis] - 2 * (padding === "SAME" ? Math.floor(kernel[axis] / 2) : 0) + more;
    };
    const filters = config.count("filters");
    const filter = filterOf(layer, "kernel", kernel, channels, filters, "OI");
    const outputShape = [batch, grown(height, strideH, 0), grown(width, strideW, 1), filters];
    const bias = biasOf(layer, filters);
    const operands = [
      layer.integers("output_shape", [4], outputShape),
      filter,
      input,
      ...(bias === null ? [] : [bias]),
    ];
    return layer.emit(transposeConv, "transposed", operands, { padding, strideH, strideW });
  }),
};
