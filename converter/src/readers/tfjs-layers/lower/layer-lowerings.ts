/** Every layer that can be converted, by class name. Adding a layer is adding a file, and a line here. */
import type { LayerSpec } from "../layer-spec.ts";
import {
  activationLayer,
  eluLayer,
  leakyReluLayer,
  preluLayer,
  reluLayer,
  softmaxLayer,
  thresholdedReluLayer,
} from "./activation-layers.ts";
import {
  additiveAttentionLayer,
  attentionLayer,
  groupedQueryAttentionLayer,
  multiHeadAttentionLayer,
} from "./attention.ts";
import { convLayer, convTransposeLayer, depthwiseConvLayer, separableConvLayer } from "./convolution.ts";
import { conv3dLayer, conv3dTransposeLayer } from "./convolution-3d.ts";
import { denseLayer } from "./dense.ts";
import { einsumDenseLayer } from "./einsum.ts";
import { embeddingLayer, maskingLayer } from "./embedding.ts";
import { augmentationLayer, identityLayer } from "./identity.ts";
import type { LayerLowering } from "./lowering.ts";
import {
  addLayer,
  averageLayer,
  concatenateLayer,
  dotLayer,
  maximumLayer,
  minimumLayer,
  multiplyLayer,
  subtractLayer,
} from "./merge.ts";
import {
  batchNormalizationLayer,
  groupNormalizationLayer,
  layerNormalizationLayer,
  normalizationLayer,
  rescalingLayer,
  rmsNormalizationLayer,
  unitNormalizationLayer,
} from "./normalization.ts";
import { operationLoweringOf } from "./operations.ts";
import {
  adaptiveAveragePoolingLayer,
  adaptiveMaxPoolingLayer,
  averagePoolingLayer,
  globalAveragePoolingLayer,
  globalMaxPoolingLayer,
  maxPoolingLayer,
} from "./pooling.ts";
import { categoryEncodingLayer, centerCropLayer, resizingLayer } from "./preprocessing.ts";
import { flattenLayer, permuteLayer, repeatVectorLayer, reshapeLayer } from "./rearrange.ts";
import { recurrentLayer } from "./recurrent.ts";
import { croppingLayer, upSamplingLayer, zeroPaddingLayer } from "./spatial.ts";
import { bidirectionalLayer, spectralNormalizationLayer, timeDistributedLayer } from "./wrappers.ts";

const lowerings: readonly LayerLowering[] = [
  activationLayer,
  adaptiveAveragePoolingLayer,
  adaptiveMaxPoolingLayer,
  addLayer,
  additiveAttentionLayer,
  attentionLayer,
  augmentationLayer,
  averageLayer,
  averagePoolingLayer,
  batchNormalizationLayer,
  bidirectionalLayer,
  categoryEncodingLayer,
  centerCropLayer,
  concatenateLayer,
  conv3dLayer,
  conv3dTransposeLayer,
  convLayer,
  convTransposeLayer,
  croppingLayer,
  denseLayer,
  depthwiseConvLayer,
  dotLayer,
  einsumDenseLayer,
  eluLayer,
  embeddingLayer,
  flattenLayer,
  globalAveragePoolingLayer,
  globalMaxPoolingLayer,
  groupNormalizationLayer,
  groupedQueryAttentionLayer,
  identityLayer,
  layerNormalizationLayer,
  leakyReluLayer,
  maskingLayer,
  maximumLayer,
  maxPoolingLayer,
  minimumLayer,
  multiHeadAttentionLayer,
  multiplyLayer,
  normalizationLayer,
  permuteLayer,
  preluLayer,
  recurrentLayer,
  reluLayer,
  repeatVectorLayer,
  rescalingLayer,
  reshapeLayer,
  resizingLayer,
  rmsNormalizationLayer,
  separableConvLayer,
  softmaxLayer,
  spectralNormalizationLayer,
  subtractLayer,
  thresholdedReluLayer,
  timeDistributedLayer,
  unitNormalizationLayer,
  upSamplingLayer,
  zeroPaddingLayer,
];

/** Class name → lowering. */
export const layerLowerings: ReadonlyMap<string, LayerLowering> = new Map(
  lowerings.flatMap((lowering) => lowering.classNames.map((className) => [className, lowering] as const)),
);

/** The lowering of a layer; of an operation that Keras 3 or TensorFlow writes as a layer, told by its module and class. */
export const layerLoweringOf = (layer: LayerSpec): LayerLowering | undefined =>
  operationLoweringOf(layer) ?? layerLowerings.get(layer.className);
