/**
 * Zeros put around the input of a convolution that takes no padding become its SAME padding, where that reads the same:
 *
 *     CONV_2D(PAD(x, [[0,0],[0,1],[0,1],[0,0]]), VALID, stride 2)   →   CONV_2D(x, SAME, stride 2)
 *
 * It does if as many windows come out and the first begins at the same place; zeros behind the last window are not read.
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { conv2d } from "../ops/conv-2d.ts";
import { depthwiseConv2d } from "../ops/depthwise-conv-2d.ts";
import { pad } from "../ops/pad.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const foldPadding: Pass = {
  name: "fold-padding",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [input, filter] = node.inputs;
      const padding = graph.producerOf(input);
      if (!(conv2d.is(node) || depthwiseConv2d.is(node)) || !pad.is(padding) || typeof filter !== "number") continue;
      const [value] = padding.inputs;
      if (typeof value !== "number" || !readsTheSame(graph, node, filter, padding)) continue;
      const inputs = node.inputs.map((id) => (id === input ? value : id));
      graph.replace(node, { ...node, inputs, attributes: { ...node.attributes, padding: "SAME" } });
    }
  },
};

function readsTheSame(graph: GraphRewrite, node: Node, filter: TensorId, padding: Node): boolean {
  const { padding: mode, strideH, strideW, dilationHFactor, dilationWFactor } = conv2d.attributesOf(node);
  const [value, borders] = padding.inputs;
  const [output] = node.outputs;
  if (mode !== "VALID" || typeof value !== "number" || typeof borders !== "number" || output === undefined)
    return false;
  const before = integersOf(graph, borders);
  if (before?.length !== 8 || [0, 1, 6, 7].some((i) => before[i] !== 0)) return false;
  const [from, to, window] = [graph.shapeOf(value), graph.shapeOf(output), graph.shapeOf(filter)];
  return [
    { axis: 1, stride: strideH, dilation: dilationHFactor },
    { axis: 2, stride: strideW, dilation: dilationWFactor },
  ].every(({ axis, stride, dilation }) => {
    const [size = -1, count = -1, taps = 0] = [from[axis], to[axis], window[axis]];
    if (size < 1 || count < 1 || Math.ceil(size / stride) !== count) return false;
    const total = Math.max((count - 1) * stride + (taps - 1) * dilation + 1 - size, 0);
    return before[2 * axis] === total >> 1;
  });
}
