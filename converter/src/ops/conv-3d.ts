/** 3-D convolution. Input NDHWC, filter DHWIO. */

import { clamps } from "./activation.ts";
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { convolutionMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseConv3d } from "./raise/convolution.ts";
import { needRank, refuse } from "./refuse.ts";
import { windowOutput } from "./shape/window.ts";
import { always1 } from "./version-rules.ts";

export const conv3d = defineOp({
  kind: "CONV_3D",
  code: 132,
  options: "Conv3DOptions",
  attributes: optionsOf("Conv3DOptions", { strideD: 1, strideW: 1, strideH: 1 }),
  operands: [activation("input"), weight("filter", { channelAxis: 4 }), bias("bias", { of: ["input", "filter"] })],
  results: [free],
  infer: (inputs, options) => {
    const input = needRank(inputs, 0, "input", 5);
    const filter = needRank(inputs, 1, "filter", 5);
    const [batch = -1, depth = -1, height = -1, width = -1, channels = -1] = input.shape;
    const [filterD = 0, filterH = 0, filterW = 0, inChannels = 0, outChannels = 0] = filter.shape;
    if (channels !== inChannels && channels !== -1)
      throw refuse(`The filter takes ${inChannels} channels and the input has ${channels}.`);
    const { padding, strideD, strideH, strideW, dilationDFactor, dilationHFactor, dilationWFactor } = options;
    const d = windowOutput(depth, { filter: filterD, stride: strideD, dilation: dilationDFactor, padding });
    const h = windowOutput(height, { filter: filterH, stride: strideH, dilation: dilationHFactor, padding });
    const w = windowOutput(width, { filter: filterW, stride: strideW, dilation: dilationWFactor, padding });
    return [{ dtype: input.dtype, shape: [batch, d, h, w, outChannels] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: raiseConv3d,
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.5.0" },
  fusedActivations: clamps,
  macs: convolutionMacs(1, 4),
});
