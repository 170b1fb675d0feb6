/** Uses of operators that ONNX's node tests do not have: one model each. */
import { seededValues } from "../saved-layers-model.ts";
import type { AttributeSketch, ModelSketch, TensorSketch } from "./onnx-encoder.ts";

const weights = (name: string, shape: readonly number[], seed: number): TensorSketch => ({
  name,
  shape,
  values: seededValues(
    shape.reduce((p, s) => p * s, 1),
    seed,
  ),
});
const int64 = (name: string, values: readonly number[]): TensorSketch => ({
  name,
  type: "int64",
  shape: [values.length],
  values,
});

interface Use {
  readonly op: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly initializers?: readonly (TensorSketch | null)[];
  readonly attributes?: Readonly<Record<string, AttributeSketch>>;
  readonly opset?: number;
}

/** One node of one float input, its other operands constants. */
const use = ({ op, x, y, initializers = [], attributes = {}, opset = 17 }: Use): ModelSketch => ({
  opset,
  inputs: [{ name: "x", shape: x }],
  outputs: [{ name: "y", shape: y }],
  initializers: initializers.filter((one) => one !== null),
  nodes: [{ op, inputs: ["x", ...initializers.map((one) => one?.name ?? "")], outputs: ["y"], attributes }],
});

export const operatorCases: Readonly<Record<string, ModelSketch>> = {
  "Conv, grouped": use({
    op: "Conv", x: [1, 4, 7, 6], y: [1, 6, 7, 6],
    initializers: [weights("w", [6, 2, 3, 3], 1), weights("b", [6], 2)], attributes: { group: 2, pads: [1, 1, 1, 1] },
  }),
  "Conv, depthwise with a multiplier, stride 2, PyTorch's padding": use({
    op: "Conv", x: [1, 4, 8, 8], y: [1, 8, 4, 4],
    initializers: [weights("w", [8, 1, 3, 3], 1)], attributes: { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] },
  }),
  "Conv, dilated, SAME_LOWER": use({
    op: "Conv", x: [1, 3, 9, 9], y: [1, 2, 5, 5],
    initializers: [weights("w", [2, 3, 2, 4], 1)], attributes: { auto_pad: "SAME_LOWER", strides: [2, 2] },
  }),
  "ConvTranspose, output padding, groups": use({
    op: "ConvTranspose", x: [1, 4, 5, 5], y: [1, 6, 10, 10],
    initializers: [weights("w", [4, 3, 3, 3], 1), weights("b", [6], 2)],
    attributes: { group: 2, strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  }),
  "MaxPool, ceil mode with padding": use({
    op: "MaxPool", x: [1, 2, 8, 7], y: [1, 2, 5, 4],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
  }),
  "AveragePool, padding not counted": use({
    op: "AveragePool", x: [1, 2, 8, 7], y: [1, 2, 4, 4],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  }),
  "AveragePool, padding counted, ceil mode": use({
    op: "AveragePool", x: [1, 2, 7, 7], y: [1, 2, 4, 4],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], count_include_pad: 1, ceil_mode: 1 }, opset: 19,
  }),
  "Resize, linear, pytorch_half_pixel, to half": use({
    op: "Resize", x: [1, 2, 6, 8], y: [1, 2, 3, 4],
    initializers: [null, null, int64("sizes", [1, 2, 3, 4])],
    attributes: { mode: "linear", coordinate_transformation_mode: "pytorch_half_pixel" },
  }),
  "Resize, nearest, an odd ratio": use({
    op: "Resize", x: [1, 2, 4, 5], y: [1, 2, 7, 8],
    initializers: [null, null, int64("sizes", [1, 2, 7, 8])], attributes: { mode: "nearest" },
  }),
  "Resize, cubic": use({
    op: "Resize", x: [1, 2, 4, 5], y: [1, 2, 8, 9],
    initializers: [null, null, int64("sizes", [1, 2, 8, 9])], attributes: { mode: "cubic" },
  }),
  "PRelu, one slope": use({ op: "PRelu", x: [1, 3, 4, 4], y: [1, 3, 4, 4], initializers: [weights("s", [1], 3)] }),
  "PRelu, a slope per channel": use({ op: "PRelu", x: [1, 3, 4, 4], y: [1, 3, 4, 4], initializers: [weights("s", [3, 1, 1], 3)] }),
  "Softmax over channels": use({ op: "Softmax", x: [1, 3, 4, 4], y: [1, 3, 4, 4], attributes: { axis: 1 } }),
  "Softmax before version 13": use({ op: "Softmax", x: [2, 3, 4], y: [2, 3, 4], attributes: { axis: 1 }, opset: 11 }),
  "GroupNormalization of version 21": use({
    op: "GroupNormalization", x: [1, 4, 3, 3], y: [1, 4, 3, 3],
    initializers: [weights("s", [4], 1), weights("b", [4], 2)], attributes: { num_groups: 2 }, opset: 21,
  }),
  "Split into parts of different sizes": {
    opset: 18,
    inputs: [{ name: "x", shape: [2, 7] }],
    outputs: [{ name: "a", shape: [2, 3] }, { name: "b", shape: [2, 3] }, { name: "c", shape: [2, 1] }],
    nodes: [{ op: "Split", inputs: ["x"], outputs: ["a", "b", "c"], attributes: { axis: 1, num_outputs: 3 } }],
  },
  "Slice backwards": use({
    op: "Slice", x: [2, 5, 4], y: [2, 3, 4],
    initializers: [int64("starts", [-1]), int64("ends", [-10]), int64("axes", [1]), int64("steps", [-2])],
  }),
  "Pad, edges": use({
    op: "Pad", x: [1, 2, 3, 3], y: [1, 2, 6, 5], initializers: [int64("pads", [0, 0, 1, 2, 0, 0, 2, 0])],
    attributes: { mode: "edge" },
  }),
  "MatMul, batches on both sides": {
    inputs: [{ name: "a", shape: [2, 3, 4, 5] }, { name: "b", shape: [3, 5, 2] }],
    outputs: [{ name: "y", shape: [2, 3, 4, 2] }],
    nodes: [{ op: "MatMul", inputs: ["a", "b"], outputs: ["y"] }],
  },
  "LSTM, both directions": use({
    op: "LSTM", x: [4, 2, 3], y: [4, 2, 2, 5],
    initializers: [weights("w", [2, 20, 3], 1), weights("r", [2, 20, 5], 2), weights("b", [2, 40], 3)],
    attributes: { hidden_size: 5, direction: "bidirectional" },
  }),
  "GRU, reset before the product": use({
    op: "GRU", x: [4, 2, 3], y: [4, 1, 2, 5],
    initializers: [weights("w", [1, 15, 3], 1), weights("r", [1, 15, 5], 2), weights("b", [1, 30], 3)],
    attributes: { hidden_size: 5, direction: "reverse" },
  }),
  "quantized weights and activations": {
    inputs: [{ name: "x", shape: [1, 4] }],
    outputs: [{ name: "y", shape: [1, 3] }],
    initializers: [
      { name: "sx", shape: [], values: [0.02] },
      { name: "zx", type: "uint8", shape: [], values: [100] },
      { name: "w", type: "int8", shape: [4, 3], values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] },
      { name: "sw", shape: [3], values: [0.1, 0.2, 0.3] },
      { name: "zw", type: "int8", shape: [3], values: [0, 0, 0] },
    ],
    nodes: [
      { op: "QuantizeLinear", inputs: ["x", "sx", "zx"], outputs: ["q"] },
      { op: "DequantizeLinear", inputs: ["q", "sx", "zx"], outputs: ["d"] },
      { op: "DequantizeLinear", inputs: ["w", "sw", "zw"], outputs: ["f"], attributes: { axis: 1 } },
      { op: "MatMul", inputs: ["d", "f"], outputs: ["y"] },
    ],
  },
  "float64 and float16 become float32": {
    inputs: [{ name: "x", shape: [2, 3] }],
    outputs: [{ name: "y", shape: [2, 3] }],
    initializers: [{ name: "d", type: "double", shape: [3], values: [0.5, 1.5, -2.5] }],
    nodes: [
      { op: "Cast", inputs: ["d"], outputs: ["f"], attributes: { to: 1 } },
      { op: "Mul", inputs: ["x", "f"], outputs: ["y"] },
    ],
  },
}; // biome-ignore format: a table
