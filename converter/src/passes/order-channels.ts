/**
 * Channels that are put in another order behind an affine operator come out of it in that order, activations between
 * them notwithstanding:
 *
 *     GATHER(RELU(CONV_2D(x, w, b)), order, last axis)   →   RELU(CONV_2D(x, w[order], b[order]))
 */
import { elementCount, type Node } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { conv2d } from "../ops/conv-2d.ts";
import { fullyConnected } from "../ops/fully-connected.ts";
import { gather } from "../ops/gather.ts";
import { opOf } from "../ops/registry.ts";
import { type Affine, affineOf, biasOf, withOperands } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const orderChannels: Pass = {
  name: "order-channels",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [value, indices] = node.inputs;
      if (!gather.is(node) || typeof value !== "number" || graph.isOutput(node.outputs[0]!)) continue;
      const order = integersOf(graph, indices);
      const { axis, batchDims } = gather.attributesOf(node);
      const rank = graph.shapeOf(value).length;
      const isLast = axis === -1 || axis === rank - 1;
      if (!order || !isLast || batchDims !== 0 || graph.shapeOf(node.outputs[0]!).length !== rank) continue;
      const affine = affineBehind(graph, node);
      if (affine?.channels !== order.length || new Set(order).size !== order.length) continue;
      graph.replace(affine.node, ordered(graph, affine, order));
      graph.bypass(node, value);
    }
  },
};

/** The convolution or product that makes the value through operators of one element each, all of them used here only. */
function affineBehind(graph: GraphRewrite, node: Node): Affine | undefined {
  let maker = graph.soleProducerOf(node.inputs[0], node);
  while (maker && isPlain(maker)) maker = graph.soleProducerOf(maker.inputs[0], maker);
  if (!(conv2d.is(maker) || fullyConnected.is(maker))) return undefined;
  const affine = affineOf(graph, maker);
  const [x] = maker.inputs;
  if (!affine || typeof x !== "number") return undefined;
  // With groups an output channel belongs to its place.
  const isGrouped = conv2d.is(maker) && graph.shapeOf(x)[3] !== graph.shapeOf(affine.weightTensor)[3];
  return isGrouped ? undefined : affine;
}

/** An operator of one operand and result that can be fused as an activation works on each element alone. */
const isPlain = (node: Node): boolean => opOf(node.kind)?.fusesAs !== undefined && node.inputs.length === 1;

function ordered(graph: GraphRewrite, affine: Affine, order: Int32Array): Node {
  const { name, shape, constant } = graph.tensor(affine.weightTensor);
  const run = (elementCount(shape) / affine.channels) * 4;
  const compute = (): Uint8Array => {
    const bytes = constant!.bytes(); // affineOf saw that it is constant
    const result = new Uint8Array(bytes.length);
    for (const [to, from] of order.entries()) result.set(bytes.subarray(from * run, (from + 1) * run), to * run);
    return result;
  };
  const weights = graph.addConstant(name, "float32", shape, lazyConstant(elementCount(shape) * 4, compute));
  const values = biasOf(graph, affine);
  const bias = Float64Array.from(order, (from) => values[from] ?? 0);
  return withOperands(graph, affine, {
    weights,
    bias,
    biasName: `${affine.node.name}/bias`,
    outputs: affine.node.outputs,
  });
}
