/** Transposed 2-D convolution. Filter OHWI; the result's shape is an operand. */

import { activation, bias, defineOp, free, index, unsupported, weight } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { optionsOf } from "./options.ts";
import { raiseTransposeConv } from "./raise/convolution.ts";
import { need, needRank, refuse } from "./refuse.ts";
import { integersOf } from "./shape/axis.ts";
import { windowOutput } from "./shape/window.ts";
import { inputDType } from "./version-rules.ts";

export const transposeConv = defineOp({
  kind: "TRANSPOSE_CONV",
  code: 67,
  options: "TransposeConvOptions",
  attributes: optionsOf("TransposeConvOptions", { strideW: 1, strideH: 1 }),
  operands: [
    index("outputShape"),
    weight("filter", { channelAxis: 0 }),
    activation("input"),
    bias("bias", { of: ["input", "filter"] }),
  ],
  results: [free],
  infer: (inputs, { padding, strideH, strideW }) => {
    const input = needRank(inputs, 2, "input", 4);
    const filter = needRank(inputs, 1, "filter", 4);
    if (input.shape[3] !== filter.shape[3] && input.shape[3] !== -1)
      throw refuse(`The filter takes ${filter.shape[3]} channels and the input has ${input.shape[3]}.`);
    const shape = integersOf(need(inputs, 0, "outputShape"));
    if (!shape) return [{ dtype: input.dtype, shape: [input.shape[0] ?? -1, -1, -1, filter.shape[0] ?? -1] }];
    const [batch = -1, height = -1, width = -1, channels = -1] = shape;
    if (shape.length !== 4 || channels !== filter.shape[0])
      throw refuse(`It cannot give the shape [${shape.join(", ")}].`);
    // The shape must be one that the matching convolution would turn back into the input's.
    const back = [
      windowOutput(height, { filter: filter.shape[1] ?? 0, stride: strideH, padding }),
      windowOutput(width, { filter: filter.shape[2] ?? 0, stride: strideW, padding }),
    ];
    if (back.some((size, axis) => size !== input.shape[axis + 1] && input.shape[axis + 1] !== -1))
      throw refuse(`The shape [${shape.join(", ")}] does not belong to an input of [${input.shape.join(", ")}].`);
    return [{ dtype: input.dtype, shape: [batch, height, width, channels] }];
  },
  evaluate: unsupported("heavy: left to the runtime"),
  layout: barrier,
  raise: raiseTransposeConv,
  int8: true,
  int16: {},
  version: (use) => {
    const { quantizedBiasType, fusedActivationFunction } = use.attributes;
    if (inputDType(use, 2) === "int16" && quantizedBiasType !== "FLOAT32") return 5;
    if (fusedActivationFunction !== "NONE") return 4;
    if (use.inputs.length === 4 && use.inputs[3]) return 3;
    return inputDType(use, 1) === "int8" ? 2 : 1;
  },
  minRuntime: { 1: "1.9.0", 2: "2.2.0", 3: "2.3.0", 4: "2.13.0", 5: "2.15.0" },
  fusedActivations: [],
  macs: (use) => {
    const [units = 0, ...window] = use.inputs[1]?.shape ?? [];
    const input = use.inputs[2]?.shape ?? [];
    return [...window, ...input.slice(0, 3)].reduce((product, size) => product * Math.max(size, 1), units);
  },
  notes: ["Version 4 can fuse an activation, but runtimes before TensorFlow 2.13 refuse it: none is fused here."],
});
