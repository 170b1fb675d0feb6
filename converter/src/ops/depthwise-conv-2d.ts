/** One filter (or several) per input channel. Input NHWC, filter [1, H, W, channels · multiplier]. */

import { clamps } from "./activation.ts";
import { activation, bias, defineOp, free, unsupported, weight } from "./define-op.ts";
import { window } from "./layout/follow-window.ts";
import { convolutionMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { raiseDepthwiseConv2d } from "./raise/convolution.ts";
import { needRank, refuse } from "./refuse.ts";
import { windowOutput } from "./shape/window.ts";
import { inputDType, isHybrid, isPerChannel } from "./version-rules.ts";

export const depthwiseConv2d = defineOp({
  kind: "DEPTHWISE_CONV_2D",
  code: 4,
  options: "DepthwiseConv2DOptions",
  attributes: optionsOf("DepthwiseConv2DOptions", { strideW: 1, strideH: 1, depthMultiplier: 1 }),
  operands: [
    activation("input"),
    weight("filter", { channelAxis: 3 }),
    bias("bias", { of: ["input", "filter"], inFile: true }),
  ],
  results: [free],
  reach: "window",
  infer: (inputs, { padding, strideH, strideW, dilationHFactor, dilationWFactor }) => {
    const input = needRank(inputs, 0, "input", 4);
    const filter = needRank(inputs, 1, "filter", 4);
    const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
    const [one = 0, filterH = 0, filterW = 0, outChannels = 0] = filter.shape;
    if (one !== 1 || (channels !== -1 && (channels < 1 || outChannels % channels !== 0)))
      throw refuse(`The filter [${filter.shape.join(", ")}] does not fit an input of ${channels} channels.`);
    const h = windowOutput(height, { filter: filterH, stride: strideH, dilation: dilationHFactor, padding });
    const w = windowOutput(width, { filter: filterW, stride: strideW, dilation: dilationWFactor, padding });
    return [{ dtype: input.dtype, shape: [batch, h, w, outChannels] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: window,
  raise: raiseDepthwiseConv2d,
  int8: true,
  int16: {},
  hybrid: { weights: ["filter"], perChannel: true },
  version: (use) => {
    const [input, filter] = [inputDType(use, 0), inputDType(use, 1)];
    if (isHybrid(use)) return isPerChannel(use, 1) ? 6 : 4;
    if (input === "int8") return filter === "int4" ? 7 : 3;
    return use.attributes.dilationHFactor !== 1 || use.attributes.dilationWFactor !== 1 ? 2 : 1;
  },
  minRuntime: { 1: "1.5.0", 2: "1.12.0", 3: "1.14.0", 4: "2.2.0", 6: "2.3.0", 7: "2.11.0" },
  fusedActivations: clamps,
  macs: convolutionMacs(1, 3),
  notes: [
    "The kernel can do without a bias, but the XNNPACK in TensorFlow 2.12 then computes nonsense: one is always written.",
    "`depthMultiplier` is read only by runtimes up to TensorFlow 2.0; newer ones go by the shapes.",
  ],
});
