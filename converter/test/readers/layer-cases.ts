/** One small model per layer, or per meaning of a layer: what `tfjs-layers.test.ts` runs against tfjs itself. */

import type { LayersModel } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import { chain, merged } from "./layer-chains.ts";

const image = [9, 7, 4];
const { layers } = tfl;

/** Every name that tfjs-layers 4.22 can load in `activation`. */
export const activationNames = [
  "elu", "gelu", "hardSigmoid", "linear", "logSoftmax", "mish", "relu", "relu6", "selu", "sigmoid", "softmax",
  "softplus", "softsign", "swish", "tanh",
] as const; // biome-ignore format: a table

type ActivationName = Parameters<typeof layers.activation>[0]["activation"];

export const layerCases: Readonly<Record<string, () => LayersModel>> = {
  "Conv2D valid": () => chain(image, layers.conv2d({ filters: 5, kernelSize: 3 })),
  "Conv2D same, strides 2, no bias": () =>
    chain(image, layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: 2, padding: "same", useBias: false })),
  "Conv2D dilated": () => chain(image, layers.conv2d({ filters: 3, kernelSize: 2, dilationRate: [2, 3] })),
  "Conv2D same, dilated": () =>
    chain(image, layers.conv2d({ filters: 3, kernelSize: [2, 4], dilationRate: 2, padding: "same" })),
  "Conv2D relu": () => chain(image, layers.conv2d({ filters: 5, kernelSize: 1, activation: "relu" })),
  "Conv2D sigmoid": () => chain(image, layers.conv2d({ filters: 5, kernelSize: 1, activation: "sigmoid" })),
  "DepthwiseConv2D": () => chain(image, layers.depthwiseConv2d({ kernelSize: 3, padding: "same" })),
  "DepthwiseConv2D, multiplier 3, no bias": () =>
    chain(image, layers.depthwiseConv2d({ kernelSize: [2, 3], depthMultiplier: 3, strides: 2, useBias: false })),
  "SeparableConv2D": () =>
    chain(image, layers.separableConv2d({ filters: 6, kernelSize: 3, depthMultiplier: 2, activation: "relu" })),
  "Conv2DTranspose valid": () => chain(image, layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2 })),
  "Conv2DTranspose same, no bias": () =>
    chain(image, layers.conv2dTranspose({ filters: 3, kernelSize: 4, strides: [2, 3], padding: "same", useBias: false })),
  "Conv2DTranspose, stride beyond the kernel": () =>
    chain(image, layers.conv2dTranspose({ filters: 2, kernelSize: 1, strides: 2, activation: "relu" })),
  "Dense": () => chain([11], layers.dense({ units: 7, activation: "tanh" })),
  "Dense, no bias": () => chain([11], layers.dense({ units: 7, useBias: false })),
  "Dense over three axes": () => chain([3, 5], layers.dense({ units: 4, activation: "relu" })),
  "Dense over four axes": () => chain(image, layers.dense({ units: 6 })),
  "BatchNormalization behind Conv2D": () =>
    chain(image, layers.conv2d({ filters: 5, kernelSize: 3, useBias: false }), layers.batchNormalization()),
  "BatchNormalization behind DepthwiseConv2D": () =>
    chain(image, layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 }), layers.batchNormalization({ epsilon: 0.01 })),
  "BatchNormalization behind Conv2DTranspose": () =>
    chain(image, layers.conv2dTranspose({ filters: 5, kernelSize: 3 }), layers.batchNormalization({ scale: false })),
  "BatchNormalization behind Dense": () => chain([6], layers.dense({ units: 5 }), layers.batchNormalization({ center: false })),
  "BatchNormalization alone": () => chain(image, layers.batchNormalization()),
  "BatchNormalization behind an activation": () =>
    chain(image, layers.conv2d({ filters: 5, kernelSize: 3, activation: "relu" }), layers.batchNormalization()),
  "ReLU": () => chain(image, layers.conv2d({ filters: 4, kernelSize: 1 }), layers.reLU()),
  "ReLU up to 6": () => chain(image, layers.conv2d({ filters: 4, kernelSize: 1 }), layers.reLU({ maxValue: 6 })),
  "ReLU up to 0.4": () => chain(image, layers.reLU({ maxValue: 0.4 })),
  "ThresholdedReLU at 0": () => chain(image, layers.thresholdedReLU({ theta: 0 })),
  "LeakyReLU": () => chain(image, layers.leakyReLU({ alpha: 0.17 })),
  "PReLU": () => chain(image, layers.prelu()),
  "PReLU, shared": () => chain(image, layers.prelu({ sharedAxes: [1, 2] })),
  "ELU": () => chain(image, layers.elu()),
  "Softmax": () => chain([9], layers.softmax()),
  "Softmax over the last of four axes": () => chain(image, layers.softmax({ axis: 3 })),
  "MaxPooling2D": () => chain(image, layers.maxPooling2d({ poolSize: 2 })),
  "MaxPooling2D same": () => chain(image, layers.maxPooling2d({ poolSize: [3, 2], strides: [1, 2], padding: "same" })),
  "AveragePooling2D": () => chain(image, layers.averagePooling2d({ poolSize: 3, strides: 2 })),
  "AveragePooling2D same": () => chain(image, layers.averagePooling2d({ poolSize: 3, strides: 2, padding: "same" })),
  "GlobalAveragePooling2D": () => chain(image, layers.globalAveragePooling2d({})),
  "GlobalMaxPooling2D": () => chain(image, layers.globalMaxPooling2d({})),
  "ZeroPadding2D": () => chain(image, layers.zeroPadding2d({ padding: [[1, 2], [0, 3]] })),
  "ZeroPadding2D in front of Conv2D": () =>
    chain([8, 8, 3], layers.zeroPadding2d({ padding: [[0, 1], [0, 1]] }), layers.conv2d({ filters: 4, kernelSize: 3, strides: 2 })),
  "ZeroPadding2D that is not SAME": () =>
    chain([8, 8, 3], layers.zeroPadding2d({ padding: 1 }), layers.conv2d({ filters: 4, kernelSize: 3, strides: 2 })),
  "Cropping2D": () => chain(image, layers.cropping2D({ cropping: [[1, 2], [0, 3]] })),
  "UpSampling2D": () => chain(image, layers.upSampling2d({ size: [2, 3] })),
  "UpSampling2D bilinear": () => chain(image, layers.upSampling2d({ size: [3, 2], interpolation: "bilinear" })),
  "Rescaling": () => chain(image, layers.rescaling({ scale: 1 / 127.5, offset: -1 })),
  "Flatten": () => chain(image, layers.flatten()),
  "Reshape": () => chain(image, layers.reshape({ targetShape: [7, -1, 2] })),
  "Permute": () => chain(image, layers.permute({ dims: [3, 1, 2] })),
  "Dropout and noise": () =>
    chain(image, layers.dropout({ rate: 0.5 }), layers.gaussianNoise({ stddev: 1 }), layers.gaussianDropout({ rate: 0.5 }),
      layers.alphaDropout({ rate: 0.5 }), layers.spatialDropout1d({ rate: 0.5 }) && layers.conv2d({ filters: 2, kernelSize: 1 })),
  "Add": () => merged([image, image, image], layers.add()),
  "Add of unlike ranks": () => merged([[4], image], layers.add()),
  "Multiply": () => merged([image, image], layers.multiply()),
  "Multiply, broadcast": () => merged([image, [1, 1, 4]], layers.multiply()),
  "Average": () => merged([image, image, image], layers.average()),
  "Maximum": () => merged([image, image], layers.maximum()),
  "Minimum": () => merged([image, image], layers.minimum()),
  "Concatenate": () => merged([image, [9, 7, 2]], layers.concatenate()),
  "Concatenate over rows": () => merged([image, [3, 7, 4]], layers.concatenate({ axis: 1 })),
  ...Object.fromEntries(
    activationNames.map((name) => [
      `Activation ${name}`,
      () => chain([3, 8], layers.dense({ units: 6 }), layers.activation({ activation: name as ActivationName })),
    ]),
  ),
}; // biome-ignore format: one line a case
