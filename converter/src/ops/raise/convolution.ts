/**
 * Raising of convolutions. TFLite keeps filters as OHWI and, depthwise, [1, H, W, C·m]; TensorFlow as HWIO, [H, W, C, m]
 * and, transposed, HWOI. Groups, which tfjs does not have, are convolutions of their own side by side.
 */
import type { Attributes } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";
import { fusedNode, hasOperand, stridesAndDilations, windowAttributes } from "./affine.ts";
import { int, ints, text } from "./attributes.ts";
import { activated } from "./simple.ts";
import { notRaised, type Raise, type Ref, type TensorFlowNodes } from "./tensorflow-nodes.ts";

interface ConvolutionAttributes extends Attributes {
  readonly padding: string;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationHFactor: number;
  readonly dilationWFactor: number;
  readonly fusedActivationFunction: string;
}
type Use = OperatorUse<ConvolutionAttributes>;

const convolution = { fused: "_FusedConv2D", plain: "Conv2D" };
const depthwise = { fused: "FusedDepthwiseConv2dNative", plain: "DepthwiseConv2dNative" };
const channelAxis = 3;
/** Groups become nodes; more of them than any net has would make a graph without end. */
const mostGroups = 4096;

const biasOf = (use: OperatorUse, to: TensorFlowNodes): Ref | null => (hasOperand(use, 2) ? to.operand(2) : null);

export const raiseConv2d: Raise<ConvolutionAttributes> = (use, to) => {
  const channels = use.inputs[0]?.shape[channelAxis] ?? -1;
  const [filters = 0, , , depth = 0] = use.inputs[1]?.shape ?? [];
  if (channels === depth) {
    const weights = to.arranged(1, { permutation: [1, 2, 3, 0] });
    const { fusedActivationFunction } = use.attributes;
    const inputs: [Ref, Ref] = [to.operand(0), weights];
    return [
      fusedNode(to, convolution, inputs, biasOf(use, to), fusedActivationFunction, windowAttributes(use.attributes)),
    ];
  }
  if (channels === -1) throw notRaised("the number of its channels is known only in the run");
  return [depth === 1 ? perChannel(use, to, channels, filters) : grouped(use, to, channels / depth, filters)];
};

/** As many groups as channels: a depthwise convolution. */
function perChannel(use: Use, to: TensorFlowNodes, channels: number, filters: number): Ref {
  const [, height = 1, width = 1] = use.inputs[1]?.shape ?? [];
  const shape = [height, width, channels, filters / channels];
  const weights = to.arranged(1, { permutation: [1, 2, 0, 3], shape });
  const { fusedActivationFunction } = use.attributes;
  const attributes = windowAttributes(use.attributes);
  return fusedNode(to, depthwise, [to.operand(0), weights], biasOf(use, to), fusedActivationFunction, attributes);
}

/**
 *              ┌ Conv2D(filters of group 0) ┐
 *     x ─ Split┤            …               ├ ConcatV2 ─ BiasAdd ─ activation
 *              └ Conv2D(filters of group g) ┘
 */
function grouped(use: Use, to: TensorFlowNodes, groups: number, filters: number): Ref {
  if (!use.inputs[1]?.bytes) throw notRaised("it has groups, and filters that are known only in the run");
  if (groups > mostGroups || filters % groups !== 0) throw notRaised(`it has ${groups} groups`);
  const axis = to.constant("int32", channelAxis);
  const parts = to.nodes("Split", [axis, to.operand(0)], { num_split: int(groups) }, groups);
  const each = filters / groups;
  const results = parts.map((part, group) => {
    const weights = to.arranged(1, { rows: [group * each, (group + 1) * each], permutation: [1, 2, 3, 0] });
    return to.node("Conv2D", [part, weights], windowAttributes(use.attributes));
  });
  const whole = to.node("ConcatV2", [...results, axis], { N: int(groups) });
  const bias = biasOf(use, to);
  const sum = bias === null ? whole : to.node("BiasAdd", [whole, bias], { data_format: text("NHWC") });
  return activated(to, sum, use.attributes.fusedActivationFunction);
}

export const raiseDepthwiseConv2d: Raise<ConvolutionAttributes> = (use, to) => {
  const channels = use.inputs[0]?.shape[channelAxis] ?? -1;
  const [, height = 1, width = 1, filters = 0] = use.inputs[1]?.shape ?? [];
  if (channels === -1) throw notRaised("the number of its channels is known only in the run");
  const weights = to.arranged(1, { shape: [height, width, channels, filters / channels] });
  const { fusedActivationFunction } = use.attributes;
  const attributes = windowAttributes(use.attributes);
  return [fusedNode(to, depthwise, [to.operand(0), weights], biasOf(use, to), fusedActivationFunction, attributes)];
};

interface TransposedAttributes extends Attributes {
  readonly padding: string;
  readonly strideH: number;
  readonly strideW: number;
  readonly fusedActivationFunction: string;
}

export const raiseTransposeConv: Raise<TransposedAttributes> = (use, to) => {
  const { padding, strideH, strideW, fusedActivationFunction } = use.attributes;
  const weights = to.arranged(1, { permutation: [1, 2, 0, 3] });
  const value = to.node("Conv2DBackpropInput", [to.operand(0), weights, to.operand(2)], {
    strides: ints([1, strideH, strideW, 1]),
    padding: text(padding),
    data_format: text("NHWC"),
    dilations: ints([1, 1, 1, 1]),
  });
  const sum = hasOperand(use, 3) ? to.node("BiasAdd", [value, to.operand(3)], { data_format: text("NHWC") }) : value;
  return [activated(to, sum, fusedActivationFunction)];
};

interface Conv3dAttributes extends ConvolutionAttributes {
  readonly strideD: number;
  readonly dilationDFactor: number;
}

/** Filters are DHWIO in both. */
export const raiseConv3d: Raise<Conv3dAttributes> = (use, to) => {
  const { padding, strideD, strideH, strideW, fusedActivationFunction } = use.attributes;
  const { dilationDFactor, dilationHFactor, dilationWFactor } = use.attributes;
  const [strides, dilations] = [
    [strideD, strideH, strideW],
    [dilationDFactor, dilationHFactor, dilationWFactor],
  ];
  if (Math.max(...strides) > 1 && Math.max(...dilations) > 1) throw notRaised(stridesAndDilations);
  const value = to.node("Conv3D", [to.operand(0), to.operand(1)], {
    strides: ints([1, ...strides, 1]),
    padding: text(padding),
    data_format: text("NDHWC"),
    dilations: ints([1, ...dilations, 1]),
  });
  const bias = biasOf(use, to);
  return [activated(to, bias === null ? value : to.node("AddV2", [value, bias]), fusedActivationFunction)];
};
