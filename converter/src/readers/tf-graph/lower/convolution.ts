/**
 * Convolutions in two dimensions. Filters: TensorFlow keeps HWIO, depthwise HWIM, transposed HWOI; TFLite takes OHWI and,
 * depthwise, [1, H, W, I·M]. Rules: tensorflow `core/kernels/conv_ops.cc`, `core/framework/common_shape_fns.cc`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { conv2d } from "../../../ops/conv-2d.ts";
import { depthwiseConv2d } from "../../../ops/depthwise-conv-2d.ts";
import { pad } from "../../../ops/pad.ts";
import { transposeConv } from "../../../ops/transpose-conv.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { inNhwc, shapeInNhwc, withChannelsLast } from "./channels-first.ts";
import { applyFused, fusedBias } from "./fused-operators.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** Strides, or dilations, of height and width; those of batch and channels must be 1. */
function spatial(node: NodeLowering, attribute: string): readonly [number, number] {
  const [batch = 1, h = 1, w = 1, channels = 1] = inNhwc(node, node.intsAttr(attribute) ?? [1, 1, 1, 1]);
  if (batch !== 1 || channels !== 1) throw new NodeRefusal(`${attribute} over batch or channels are not converted`);
  if (h < 1 || w < 1) throw node.fault(`${attribute} of [${h}, ${w}]`);
  return [h, w];
}

/** The input, padded where the node says how far, and the padding that is left. */
function padded(node: NodeLowering, nhwc: TensorId): { input: TensorId; padding: "SAME" | "VALID" } {
  const padding = node.stringAttr("padding", "VALID");
  if (padding === "SAME" || padding === "VALID") return { input: nhwc, padding };
  if (padding !== "EXPLICIT") throw node.fault(`its padding is "${padding.slice(0, 40)}"`);
  const given = node.intsAttr("explicit_paddings") ?? [];
  if (given.length !== 8 || given.some((size) => size < 0))
    throw node.fault(`explicit_paddings of [${given.join(", ")}]`);
  const front = inNhwc(
    node,
    [0, 2, 4, 6].map((at) => given[at] ?? 0),
  );
  const back = inNhwc(
    node,
    [1, 3, 5, 7].map((at) => given[at] ?? 0),
  );
  const sizes = front.flatMap((size, axis) => [size, back[axis] ?? 0]);
  if (sizes.every((size) => size === 0)) return { input: nhwc, padding: "VALID" };
  return { input: node.emit(pad, [nhwc, node.intsConstant("paddings", sizes, [4, 2])], {}, "pad"), padding: "VALID" };
}

const convolution: TfLowering = {
  ops: ["Conv2D", "_FusedConv2D"],
  lower: (node) => {
    const filter = node.input(1);
    node.shapeOfRank(node.input(0), 4);
    node.shapeOfRank(filter, 4);
    const [strideH, strideW] = spatial(node, "strides");
    const [dilationHFactor, dilationWFactor] = spatial(node, "dilations");
    const ohwi = node.permuted(filter, [3, 0, 1, 2], "filter");
    return withChannelsLast(node, node.input(0), (nhwc) => {
      const { input, padding } = padded(node, nhwc);
      const attributes = { padding, strideH, strideW, dilationHFactor, dilationWFactor };
      return applyFused(node, node.emit(conv2d, [input, ohwi, fusedBias(node)], attributes));
    });
  },
};

const depthwise: TfLowering = {
  ops: ["DepthwiseConv2dNative", "DepthwiseConv2d", "FusedDepthwiseConv2dNative", "_FusedDepthwiseConv2dNative"],
  lower: (node) => {
    const filter = node.input(1);
    node.shapeOfRank(node.input(0), 4);
    const [height = 0, width = 0, channels = 0, depthMultiplier = 0] = node.shapeOfRank(filter, 4);
    const [strideH, strideW] = spatial(node, "strides");
    const [dilationHFactor, dilationWFactor] = spatial(node, "dilations");
    const flat = node.reshaped(filter, [1, height, width, channels * depthMultiplier], "filter");
    return withChannelsLast(node, node.input(0), (nhwc) => {
      const { input, padding } = padded(node, nhwc);
      const attributes = { padding, strideH, strideW, dilationHFactor, dilationWFactor, depthMultiplier };
      return applyFused(node, node.emit(depthwiseConv2d, [input, flat, fusedBias(node)], attributes));
    });
  },
};

/** The gradient of a convolution by its input, which is the transposed convolution. Inputs: sizes, filter HWOI, value. */
const transposed: TfLowering = {
  ops: ["Conv2DBackpropInput"],
  lower: (node) => {
    const value = node.input(2);
    const filter = node.input(1);
    node.shapeOfRank(value, 4);
    const [, , channels = 0] = node.shapeOfRank(filter, 4);
    const [strideH, strideW] = spatial(node, "strides");
    if (spatial(node, "dilations").some((dilation) => dilation !== 1))
      throw new NodeRefusal("dilations are not converted");
    const padding = node.stringAttr("padding", "VALID");
    if (padding !== "SAME" && padding !== "VALID") throw new NodeRefusal(`its padding "${padding}" is not converted`);
    const given = node.integers(0, "output shape");
    const ohwi = node.permuted(filter, [2, 0, 1, 3], "filter");
    return withChannelsLast(node, value, (nhwc) => {
      const [batch = 1] = node.shapeOf(nhwc);
      const shape = given.length === 2 ? [batch, ...given, channels] : shapeInNhwc(node, given);
      const target = node.intsConstant("output_shape", shape.with(0, batch));
      return node.emit(transposeConv, [target, ohwi, nhwc], { padding, strideH, strideW });
    });
  },
};

export const convolutionLowerings: readonly TfLowering[] = [convolution, depthwise, transposed];
