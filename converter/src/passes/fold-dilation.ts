/**
 * A convolution on pixels laid out apart is one with holes in its filter:
 *
 *     BATCH_TO_SPACE_ND(CONV_2D(SPACE_TO_BATCH_ND(x, d, p), w, VALID), d, c)   →   CONV_2D(x, w, dilation d)
 *
 * SAME or VALID, whichever gives the same size with the same zeros in front.
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { batchToSpaceNd } from "../ops/batch-to-space-nd.ts";
import { conv2d } from "../ops/conv-2d.ts";
import { depthwiseConv2d } from "../ops/depthwise-conv-2d.ts";
import { spaceToBatchNd } from "../ops/space-to-batch-nd.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const foldDilation: Pass = {
  name: "fold-dilation",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const convolution = batchToSpaceNd.is(node) ? graph.soleProducerOf(node.inputs[0], node) : undefined;
      const apart = graph.producerOf(convolution?.inputs[0]);
      if (!convolution || !spaceToBatchNd.is(apart)) continue;
      if (!(conv2d.is(convolution) || depthwiseConv2d.is(convolution))) continue;
      const folded = dilated(graph, { apart, convolution, together: node });
      if (!folded) continue;
      graph.remove(convolution);
      graph.replace(node, folded);
    }
  },
};

function dilated(
  graph: GraphRewrite,
  { apart, convolution, together }: { apart: Node; convolution: Node; together: Node },
): Node | undefined {
  const { padding, strideH, strideW, dilationHFactor, dilationWFactor } = conv2d.attributesOf(convolution);
  const [x, block, borders] = apart.inputs;
  const rates = integersOf(graph, block);
  const [front, cut] = [integersOf(graph, borders), integersOf(graph, together.inputs[2])];
  const [filter, output] = [convolution.inputs[1], together.outputs[0]];
  const plain = [strideH, strideW, dilationHFactor, dilationWFactor].every((one) => one === 1) && padding === "VALID";
  if (!plain || typeof x !== "number" || typeof filter !== "number" || output === undefined) return undefined;
  if (rates?.length !== 2 || !front || !cut || integersOf(graph, together.inputs[1])?.join() !== rates.join())
    return undefined;
  if (graph.shapeOf(x).length !== 4 || cut[0] !== 0 || cut[2] !== 0) return undefined;
  const reach = [0, 1].map((at) => ((graph.shapeOf(filter)[at + 1] ?? 1) - 1) * (rates[at] ?? 1));
  const is = (wanted: (reach: number) => { front: number; size: number }) =>
    reach.every((one, at) => {
      const { front: zeros, size } = wanted(one);
      return front[at * 2] === zeros && shrink(graph, x, output, at + 1) === size;
    });
  const mode = is((one) => ({ front: one >> 1, size: 0 }))
    ? "SAME"
    : is((one) => ({ front: 0, size: one }))
      ? "VALID"
      : undefined;
  if (!mode) return undefined;
  const [dilationH = 1, dilationW = 1] = rates;
  return {
    ...convolution,
    inputs: [x, ...convolution.inputs.slice(1)],
    outputs: together.outputs,
    attributes: { ...convolution.attributes, padding: mode, dilationHFactor: dilationH, dilationWFactor: dilationW },
  };
}

/** By how much an axis becomes smaller; never told of open sizes. */
function shrink(graph: GraphRewrite, from: TensorId, to: TensorId, axis: number): number {
  const [before = -1, after = -1] = [graph.shapeOf(from)[axis], graph.shapeOf(to)[axis]];
  return before < 0 || after < 0 ? Number.NaN : before - after;
}
