/** Every layer that can be converted, by class name. Adding a layer is adding a file, and a line here. */
import {
  activationLayer,
  eluLayer,
  leakyReluLayer,
  preluLayer,
  reluLayer,
  softmaxLayer,
  thresholdedReluLayer,
} from "./activation-layers.ts";
import { conv2dLayer, conv2dTransposeLayer, depthwiseConv2dLayer, separableConv2dLayer } from "./convolution.ts";
import { denseLayer } from "./dense.ts";
import { identityLayer } from "./identity.ts";
import type { LayerLowering } from "./lowering.ts";
import {
  addLayer,
  averageLayer,
  concatenateLayer,
  maximumLayer,
  minimumLayer,
  multiplyLayer,
  subtractLayer,
} from "./merge.ts";
import { batchNormalizationLayer, rescalingLayer } from "./normalization.ts";
import {
  averagePooling2dLayer,
  globalAveragePooling2dLayer,
  globalMaxPooling2dLayer,
  maxPooling2dLayer,
} from "./pooling.ts";
import { flattenLayer, permuteLayer, reshapeLayer } from "./rearrange.ts";
import { cropping2dLayer, upSampling2dLayer, zeroPadding2dLayer } from "./spatial.ts";

const lowerings: readonly LayerLowering[] = [
  activationLayer,
  addLayer,
  averageLayer,
  averagePooling2dLayer,
  batchNormalizationLayer,
  concatenateLayer,
  conv2dLayer,
  conv2dTransposeLayer,
  cropping2dLayer,
  denseLayer,
  depthwiseConv2dLayer,
  eluLayer,
  flattenLayer,
  globalAveragePooling2dLayer,
  globalMaxPooling2dLayer,
  identityLayer,
  leakyReluLayer,
  maximumLayer,
  maxPooling2dLayer,
  minimumLayer,
  multiplyLayer,
  permuteLayer,
  preluLayer,
  reluLayer,
  rescalingLayer,
  reshapeLayer,
  separableConv2dLayer,
  softmaxLayer,
  subtractLayer,
  thresholdedReluLayer,
  upSampling2dLayer,
  zeroPadding2dLayer,
];

/** Class name → lowering. */
export const layerLowerings: ReadonlyMap<string, LayerLowering> = new Map(
  lowerings.flatMap((lowering) => lowering.classNames.map((className) => [className, lowering] as const)),
);
