/**
 * Conv over one, two and three axes: plain, depthwise, grouped, dilated. Filters [O, I/g, H, W] become OHWI, depthwise
 * [1, H, W, O], over three axes DHWIO. TFLite tells groups of CONV_2D by the filter's shape; CONV_3D has none.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { conv2d } from "../../../ops/conv-2d.ts";
import { conv3d } from "../../../ops/conv-3d.ts";
import { depthwiseConv2d } from "../../../ops/depthwise-conv-2d.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices, part, transposed } from "./compose.ts";
import { asImage, asPair, fromImage, imageOf, paddedInput, type WindowAxis, windowOf } from "./images.ts";
import type { OnnxLowering } from "./lowering.ts";

const conv: OnnxLowering = {
  operators: ["Conv"],
  lower: (node) => {
    const [x, filter] = [node.input(0), node.input(1)];
    const rank = node.rank(x);
    if (rank < 3 || rank > 5) throw node.refusal(`it convolves over ${rank - 2} axes`);
    const axes = asPair(windowOf(node, node.shape(x).slice(2), node.shape(filter).slice(2)));
    const { image, padding } = paddedInput(node, imageOf(node, x), axes);
    const convolved = rank === 5 ? overVolume : overImage;
    return fromImage(node, convolved(node, image, asImage(node, "filter/image", filter), { axes, padding }), rank);
  },
};

interface Window {
  readonly axes: readonly WindowAxis[];
  readonly padding: "SAME" | "VALID";
}

function checkedGroups(node: NodeBuilder, image: TensorId, filter: TensorId): number {
  const groups = node.int("group", 1);
  const channels = node.shape(image).at(-1) ?? 1;
  const [outputs = 1, depth = 1] = node.shape(filter);
  if (groups >= 1 && channels === depth * groups && outputs % groups === 0) return groups;
  throw node.refusal(`${channels} channels and ${outputs} filters of ${depth} do not go with ${groups} groups`);
}

function overImage(node: NodeBuilder, image: TensorId, filter: TensorId, { axes, padding }: Window): TensorId {
  const groups = checkedGroups(node, image, filter);
  const [outputs = 1, depth = 1] = node.shape(filter);
  const [h, w] = axes;
  const attributes = {
    padding,
    strideH: h?.stride ?? 1,
    strideW: w?.stride ?? 1,
    dilationHFactor: h?.dilation ?? 1,
    dilationWFactor: w?.dilation ?? 1,
  };
  const bias = node.optional(2);
  if (groups > 1 && depth === 1) {
    const weights = transposed(node, "filter", filter, [1, 2, 3, 0]);
    const depthMultiplier = outputs / groups;
    return node.emit(depthwiseConv2d, "depthwise", [image, weights, bias], { ...attributes, depthMultiplier });
  }
  return node.emit(conv2d, "conv", [image, transposed(node, "filter", filter, [0, 2, 3, 1]), bias], attributes);
}

function overVolume(node: NodeBuilder, image: TensorId, filter: TensorId, { axes, padding }: Window): TensorId {
  const groups = checkedGroups(node, image, filter);
  const [d, h, w] = axes;
  const attributes = {
    padding,
    strideD: d?.stride ?? 1,
    strideH: h?.stride ?? 1,
    strideW: w?.stride ?? 1,
    dilationDFactor: d?.dilation ?? 1,
    dilationHFactor: h?.dilation ?? 1,
    dilationWFactor: w?.dilation ?? 1,
  };
  const weights = transposed(node, "filter", filter, [2, 3, 4, 1, 0]);
  const bias = node.optional(2);
  if (groups === 1) return node.emit(conv3d, "conv", [image, weights, bias], attributes);
  const [inner, outer] = [node.shape(weights)[3] ?? 1, (node.shape(weights)[4] ?? 1) / groups];
  const parts = indices(groups).map((group) => {
    const role = `group${group}`;
    const operands = [
      part(node, `${role}/input`, image, 4, group * inner, inner),
      part(node, `${role}/filter`, weights, 4, group * outer, outer),
      bias === null ? null : part(node, `${role}/bias`, bias, 0, group * outer, outer),
    ];
    return node.emit(conv3d, role, operands, attributes);
  });
  return node.emit(concatenation, "groups", parts, { axis: 4 });
}

export const convolutions: readonly OnnxLowering[] = [conv];
