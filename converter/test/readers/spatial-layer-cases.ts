/** Layers over two and three axes in the layouts and forms that the main table leaves out. */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import { chain, type Layer } from "./layer-chains.ts";

const { layers } = tfl;
const image = [9, 7, 4];
const planes = [4, 9, 7];
const volume = [5, 6, 7, 2];
const first = { dataFormat: "channelsFirst" } as const;

export const spatialLayerCases: Readonly<Record<string, () => LayersModel>> = {
  "Conv2D, channels first": () => chain(planes, layers.conv2d({ filters: 5, kernelSize: 3, activation: "relu", ...first })),
  "DepthwiseConv2D, channels first": () => chain(planes, layers.depthwiseConv2d({ kernelSize: 3, padding: "same", ...first })),
  "Conv2DTranspose, channels first": () => chain(planes, layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, ...first })),
  "MaxPooling2D, channels first": () => chain(planes, layers.maxPooling2d({ poolSize: 2, ...first })),
  "AveragePooling2D, channels first": () => chain(planes, layers.averagePooling2d({ poolSize: 2, padding: "same", ...first })),
  "GlobalAveragePooling2D, channels first": () => chain(planes, layers.globalAveragePooling2d({ ...first })),
  "GlobalMaxPooling2D, channels first": () => chain(planes, layers.globalMaxPooling2d({ ...first })),
  "ZeroPadding2D, channels first": () => chain(planes, layers.zeroPadding2d({ padding: [[1, 2], [0, 3]], ...first })),
  "Cropping2D, channels first": () => chain(planes, layers.cropping2D({ cropping: [[1, 2], [0, 3]], ...first })),
  "UpSampling2D, channels first": () => chain(planes, layers.upSampling2d({ size: [2, 3], ...first })),
  "Flatten, channels first": () => chain(planes, layers.flatten({ ...first })),
  "a net, channels first": () =>
    chain(
      [3, 16, 16],
      layers.conv2d({ filters: 6, kernelSize: 3, padding: "same", ...first }),
      layers.reLU(),
      layers.maxPooling2d({ poolSize: 2, ...first }),
      layers.conv2d({ filters: 4, kernelSize: 3, ...first }),
      layers.globalAveragePooling2d({ ...first }),
      layers.dense({ units: 3 }),
    ),
  "Conv3D": () => chain(volume, layers.conv3d({ filters: 3, kernelSize: 2, activation: "relu" })),
  "Conv3D same, strides": () => chain(volume, layers.conv3d({ filters: 3, kernelSize: [2, 3, 2], strides: [1, 2, 1], padding: "same", useBias: false })),
  "Conv3D, channels first": () => chain([2, 5, 6, 7], layers.conv3d({ filters: 3, kernelSize: 2, ...first })),
  "Conv3DTranspose": () => chain(volume, layers.conv3dTranspose({ filters: 3, kernelSize: 2, strides: 2, padding: "valid" })),
  "Conv3DTranspose same": () => chain(volume, layers.conv3dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: "same", useBias: false })),
  "MaxPooling3D": () => chain(volume, layers.maxPooling3d({ poolSize: 2, strides: 2, padding: "valid" })),
  "MaxPooling3D same": () => chain(volume, layers.maxPooling3d({ poolSize: [2, 3, 2], strides: [2, 1, 3], padding: "same" })),
  "AveragePooling3D": () => chain(volume, layers.averagePooling3d({ poolSize: 2, strides: 2, padding: "valid" })),
  "ThresholdedReLU at 0.3": () => chain(image, layers.thresholdedReLU({ theta: 0.3 })),
  "CenterCrop": () => chain([12, 11, 3], layers.centerCrop({ height: 8, width: 5 }) as Layer),
}; // biome-ignore format: one line a case
