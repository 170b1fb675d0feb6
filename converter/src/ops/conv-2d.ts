/** 2-D convolution. Input NHWC, filter OHWI; a filter with fewer input channels than the input means groups. */

import { clamps } from "./activation.ts";
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { window } from "./layout/follow-window.ts";
import { convolutionMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseConv2d } from "./raise/convolution.ts";
import { needRank, refuse } from "./refuse.ts";
import { windowOutput } from "./shape/window.ts";
import { inputDType, isHybrid, isPerChannel } from "./version-rules.ts";

export const conv2d = defineOp({
  kind: "CONV_2D",
  code: 3,
  options: "Conv2DOptions",
  attributes: optionsOf("Conv2DOptions", { strideW: 1, strideH: 1 }),
  operands: [
    activation("input"),
    weight("filter", { channelAxis: 0 }),
    bias("bias", { of: ["input", "filter"], inFile: true }),
  ],
  results: [free],
  reach: "window",
  infer: (inputs, { padding, strideH, strideW, dilationHFactor, dilationWFactor }) => {
    const input = needRank(inputs, 0, "input", 4);
    const filter = needRank(inputs, 1, "filter", 4);
    const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
    const [outChannels = 0, filterH = 0, filterW = 0, filterChannels = 0] = filter.shape;
    if (channels !== -1 && (filterChannels < 1 || channels % filterChannels !== 0))
      throw refuse(`The filter takes ${filterChannels} channels and the input has ${channels}.`);
    const h = windowOutput(height, { filter: filterH, stride: strideH, dilation: dilationHFactor, padding });
    const w = windowOutput(width, { filter: filterW, stride: strideW, dilation: dilationWFactor, padding });
    return [{ dtype: input.dtype, shape: [batch, h, w, outChannels] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: window,
  raise: raiseConv2d,
  int8: true,
  int16: {},
  hybrid: { weights: ["filter"], perChannel: true },
  version: (use) => {
    const [input, filter] = [inputDType(use, 0), inputDType(use, 1)];
    if (input === "int16" && filter === "int8" && use.attributes.quantizedBiasType !== "FLOAT32") return 8;
    if (use.inputs[0]?.shape[3] !== use.inputs[1]?.shape[3]) return 6;
    if (input === "int8") return filter === "int4" ? 7 : 3;
    if (isHybrid(use)) return isPerChannel(use, 1) ? 5 : 2;
    return 1;
  },
  minRuntime: { 1: "1.5.0", 2: "1.14.0", 3: "1.14.0", 5: "2.4.0", 6: "2.9.0", 7: "2.11.0", 8: "2.15.0" },
  fusedActivations: clamps,
  macs: convolutionMacs(1, 0),
});
