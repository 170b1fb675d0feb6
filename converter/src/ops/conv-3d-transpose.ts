/** Transposed 3-D convolution. Input NDHWC, filter DHWOI; the result's shape is an operand. */
import { clamps } from "./activation.ts";
import { activation, bias, defineOp, free, index, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { need, needRank, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { windowOutput } from "./shape/window.ts";
import { always1 } from "./version-rules.ts";

export const conv3dTranspose = defineOp({
  kind: "CONV_3D_TRANSPOSE",
  code: 141,
  options: "Conv3DOptions",
  attributes: optionsOf("Conv3DOptions", { strideD: 1, strideW: 1, strideH: 1 }),
  operands: [
    index("outputShape"),
    weight("filter", { channelAxis: 3 }),
    activation("input"),
    bias("bias", { of: ["input", "filter"] }),
  ],
  results: [free],
  infer: (inputs, { padding, strideD, strideH, strideW }) => {
    const input = needRank(inputs, 2, "input", 5);
    const filter = needRank(inputs, 1, "filter", 5);
    const [filterD = 0, filterH = 0, filterW = 0, outChannels = -1, inChannels = -1] = filter.shape;
    if (input.shape[4] !== inChannels && input.shape[4] !== -1)
      throw refuse(`The filter takes ${inChannels} channels and the input has ${input.shape[4]}.`);
    const shape = integersOf(need(inputs, 0, "outputShape"));
    if (!shape) return [{ dtype: input.dtype, shape: [input.shape[0] ?? -1, -1, -1, -1, outChannels] }];
    const [, depth = -1, height = -1, width = -1, channels = -1] = shape;
    if (shape.length !== 5 || channels !== outChannels) throw refuse(`It cannot give the shape [${shape.join(", ")}].`);
    const back = [
      windowOutput(depth, { filter: filterD, stride: strideD, padding }),
      windowOutput(height, { filter: filterH, stride: strideH, padding }),
      windowOutput(width, { filter: filterW, stride: strideW, padding }),
    ];
    if (back.some((size, axis) => size !== input.shape[axis + 1] && input.shape[axis + 1] !== -1))
      throw refuse(`The shape [${shape.join(", ")}] does not belong to an input of [${input.shape.join(", ")}].`);
    return [{ dtype: input.dtype, shape }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: unsupported("no int8 kernel"),
  version: always1,
  minRuntime: { 1: "2.6.0" },
  fusedActivations: clamps,
  macs: (use) => {
    const taps = use.inputs[1]?.shape ?? [];
    const places = use.inputs[2]?.shape.slice(0, 4) ?? [];
    return [...taps, ...places].reduce((product, size) => product * Math.max(size, 1), 1);
  },
});
