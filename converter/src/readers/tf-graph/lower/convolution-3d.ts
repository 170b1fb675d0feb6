/** Convolutions in three dimensions; TFLite keeps TensorFlow's filters (DHWIO, transposed DHWOI). */
import { conv3d } from "../../../ops/conv-3d.ts";
import { conv3dTranspose } from "../../../ops/conv-3d-transpose.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { inNhwc, withChannelsLast } from "./channels-first.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

function windows(node: NodeLowering) {
  const padding = node.stringAttr("padding", "VALID");
  if (padding !== "SAME" && padding !== "VALID") throw new NodeRefusal(`its padding "${padding}" is not converted`);
  const [, strideD = 1, strideH = 1, strideW = 1] = inNhwc(node, node.intsAttr("strides") ?? []);
  const [, dilationDFactor = 1, dilationHFactor = 1, dilationWFactor = 1] = inNhwc(
    node,
    node.intsAttr("dilations") ?? [],
  );
  return { padding, strideD, strideH, strideW, dilationDFactor, dilationHFactor, dilationWFactor } as const;
}

const convolution: TfLowering = {
  ops: ["Conv3D"],
  lower: (node) => {
    node.shapeOfRank(node.input(0), 5);
    node.shapeOfRank(node.input(1), 5);
    return withChannelsLast(node, node.input(0), (last) =>
      node.emit(conv3d, [last, node.input(1), null], windows(node)),
    );
  },
};

/** Inputs: sizes, filter, value. */
const transposed: TfLowering = {
  ops: ["Conv3DBackpropInputV2"],
  lower: (node) => {
    node.shapeOfRank(node.input(2), 5);
    const shape = inNhwc(node, node.integers(0, "output shape"));
    return withChannelsLast(node, node.input(2), (last) =>
      node.emit(conv3dTranspose, [node.intsConstant("output_shape", shape), node.input(1), last, null], windows(node)),
    );
  },
};

export const convolution3dLowerings: readonly TfLowering[] = [convolution, transposed];
