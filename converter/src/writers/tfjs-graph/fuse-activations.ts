/**
 * Puts activations that operators of their own compute into the fused node in front, as tfjs executes them:
 *
 *     _FusedConv2D [BiasAdd] ─ Prelu(alpha)     becomes     _FusedConv2D [BiasAdd, Prelu] with alpha as argument
 *
 * Only where nothing else sees what is between.
 */
import { float, int, texts } from "../../ops/raise/attributes.ts";
import type { Ref, TensorFlowAttributes } from "../../ops/raise/tensorflow-nodes.ts";
import { nodeOf, type TensorFlowGraph, type TensorFlowNode } from "./tensorflow-graph.ts";

const fused = new Set(["_FusedConv2D", "FusedDepthwiseConv2dNative", "_FusedMatMul"]);
/** Activations by their node, with what they add to the fused node. */
const activations: Readonly<Record<string, (node: TensorFlowNode) => TensorFlowAttributes>> = {
  Relu: () => ({}),
  Relu6: () => ({}),
  Elu: () => ({}),
  Prelu: () => ({ num_args: int(2) }),
  LeakyRelu: ({ attributes }) => ({ leakyrelu_alpha: attributes.alpha ?? float(0) }),
};
/** `fused.conv2d` of tfjs-core takes an alpha of one or three axes. */
const alphaRanks = new Set([1, 3]);

export function fuseActivations(graph: TensorFlowGraph): TensorFlowGraph {
  const uses = new Map<string, number>();
  const count = (ref: Ref) => uses.set(nodeOf(ref), (uses.get(nodeOf(ref)) ?? 0) + 1);
  for (const { inputs } of graph.nodes) inputs.forEach(count);
  for (const { tensor } of graph.outputs) count(tensor);
  const ranks = new Map(graph.weights.map(({ name, shape }) => [name, shape.length]));
  const makers = new Map(graph.nodes.map((node) => [node.name, node]));
  const gone = new Set<TensorFlowNode>();
  const nodes = graph.nodes.map((node) => {
    const [value, ...rest] = node.inputs;
    const maker = value === undefined ? undefined : makers.get(value);
    const addition = activations[node.op];
    if (!maker || !addition || !hasBiasOnly(maker) || uses.get(maker.name) !== 1) return node;
    if (!rest.every((alpha) => alphaRanks.has(ranks.get(alpha) ?? 0))) return node;
    gone.add(maker);
    return {
      ...maker,
      name: node.name,
      inputs: [...maker.inputs, ...rest],
      attributes: { ...maker.attributes, ...addition(node), fused_ops: texts(["BiasAdd", node.op]) },
    };
  });
  return { ...graph, nodes: nodes.filter((_, i) => !gone.has(graph.nodes[i]!)) };
}

function hasBiasOnly({ op, attributes }: TensorFlowNode): boolean {
  const ops = attributes.fused_ops;
  return fused.has(op) && ops?.kind === "strings" && ops.value.join() === "BiasAdd";
}
