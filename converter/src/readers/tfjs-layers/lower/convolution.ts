/**
 * Conv2D, DepthwiseConv2D, SeparableConv2D, Conv2DTranspose.
 * Weights: Keras keeps HWIO, depthwise HWIM, transposed HWOI; TFLite takes OHWI and, depthwise, [1, H, W, I·M].
 * Rules: tfjs-layers `layers/convolutional.ts`, `layers/convolutional_depthwise.ts`, `utils/conv_utils.ts`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { conv2d } from "../../../ops/conv-2d.ts";
import { depthwiseConv2d } from "../../../ops/depthwise-conv-2d.ts";
import { transposeConv } from "../../../ops/transpose-conv.ts";
import type { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import {
  type Dialect,
  firstReason,
  type LayerLowering,
  paddingOf,
  refusesChannelsFirst,
  refusesPadding,
} from "./lowering.ts";

const refuses = (config: JsonFields): string | undefined =>
  firstReason(
    refusesChannelsFirst(config),
    refusesPadding(config),
    refusesActivation(config),
    config.integer("groups", 1) === 1
      ? undefined
      : `convolution in ${config.integer("groups")} groups is not converted`,
  );

const biasOf = (layer: LayerBuilder, channels: number): TensorId | null =>
  layer.config.boolean("use_bias", true) ? layer.weight("bias", [channels]) : null;

/** OHWI from HWIO. */
const filterOf = (layer: LayerBuilder, weight: string, h: number, w: number, i: number, o: number): TensorId =>
  layer.weight(weight, [h, w, i, o], { key: "OHWI", shape: [o, h, w, i], permutation: [3, 0, 1, 2] });

/** Stride, dilation and padding under the names of both TFLite convolutions. */
function window(config: JsonFields) {
  const [strideH, strideW] = config.countPair("strides", 1);
  const [dilationHFactor, dilationWFactor] = config.countPair("dilation_rate", 1);
  return { padding: paddingOf(config), strideH, strideW, dilationHFactor, dilationWFactor };
}

export const conv2dLayer: LayerLowering = {
  classNames: ["Conv2D", "Convolution2D"],
  arity: "one",
  refuses,
  lower: (layer) => {
    const { config, input } = layer;
    const [, , , channels = 0] = layer.inputShape(4);
    const [kernelH, kernelW] = config.countPair("kernel_size");
    const filters = config.count("filters");
    const filter = filterOf(layer, "kernel", kernelH, kernelW, channels, filters);
    const output = layer.emit(conv2d, "conv", [input, filter, biasOf(layer, filters)], window(config));
    return applyActivation(layer, output);
  },
};

/** The input through a depthwise kernel of the layer; I·M channels come out. */
function depthwise(layer: LayerBuilder, bias: (channels: number) => TensorId | null): TensorId {
  const { config, input } = layer;
  const [, , , channels = 0] = layer.inputShape(4);
  const [kernelH, kernelW] = config.countPair("kernel_size");
  const depthMultiplier = config.count("depth_multiplier", 1);
  const filter = layer.weight("depthwise_kernel", [kernelH, kernelW, channels, depthMultiplier], {
    key: "1HWC",
    shape: [1, kernelH, kernelW, channels * depthMultiplier],
  });
  const operands = [input, filter, bias(channels * depthMultiplier)];
  return layer.emit(depthwiseConv2d, "depthwise", operands, { ...window(config), depthMultiplier });
}

export const depthwiseConv2dLayer: LayerLowering = {
  classNames: ["DepthwiseConv2D"],
  arity: "one",
  refuses: (config, dialect) => firstReason(refuses(config), refusesDilation(config, dialect)),
  lower: (layer) =>
    applyActivation(
      layer,
      depthwise(layer, (channels) => biasOf(layer, channels)),
    ),
};

/** tfjs-layers has `// TODO: Add support for dilation` and runs such a layer without it: two meanings, so neither. */
function refusesDilation(config: JsonFields, dialect: Dialect): string | undefined {
  const [h, w] = config.countPair("dilation_rate", 1);
  if (dialect === "keras" || (h === 1 && w === 1)) return undefined;
  return `tfjs-layers runs it without its dilation_rate [${h}, ${w}]: it means another thing in Keras than in TFJS`;
}

export const separableConv2dLayer: LayerLowering = {
  classNames: ["SeparableConv2D", "SeparableConvolution2D"],
  arity: "one",
  refuses,
  lower: (layer) => {
    const middle = depthwise(layer, () => null);
    const channels = layer.shapeOf(middle)[3] ?? 0;
    const filters = layer.config.count("filters");
    const filter = filterOf(layer, "pointwise_kernel", 1, 1, channels, filters);
    const attributes = { padding: "VALID", strideH: 1, strideW: 1 } as const;
    const output = layer.emit(conv2d, "pointwise", [middle, filter, biasOf(layer, filters)], attributes);
    return applyActivation(layer, output);
  },
};

export const conv2dTransposeLayer: LayerLowering = {
  classNames: ["Conv2DTranspose", "Deconvolution2D"],
  arity: "one",
  refuses: (config, dialect) =>
    firstReason(
      refuses(config),
      config.has("output_padding") ? "output_padding is not converted" : undefined,
      dialect === "keras" ? undefined : refusesDilation(config, dialect),
    ),
  lower: (layer) => {
    const { config, input } = layer;
    const [batch = 1, height = 0, width = 0, channels = 0] = layer.inputShape(4);
    const [kernelH, kernelW] = config.countPair("kernel_size");
    const { padding, strideH, strideW } = window(config);
    const filters = config.count("filters");
    const filter = layer.weight("kernel", [kernelH, kernelW, filters, channels], {
      key: "OHWI",
      shape: [filters, kernelH, kernelW, channels],
      permutation: [2, 0, 1, 3],
    });
    // tfjs `deconvLength`
    const grown = (size: number, stride: number, kernel: number): number =>
      size * stride + (padding === "VALID" ? Math.max(kernel - stride, 0) : 0);
    const outputShape = [batch, grown(height, strideH, kernelH), grown(width, strideW, kernelW), filters];
    const bias = biasOf(layer, filters);
    const operands = [
      layer.integers("output_shape", [4], outputShape),
      filter,
      input,
      ...(bias === null ? [] : [bias]),
    ];
    return applyActivation(layer, layer.emit(transposeConv, "transposed", operands, { padding, strideH, strideW }));
  },
};
