/** Affine operators whose output channels may come out in any order, because their weights can be stored in it. */
import { elementCount, type Node, type TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { conv2d } from "../ops/conv-2d.ts";
import { fullyConnected } from "../ops/fully-connected.ts";
import { type Affine, affineOf, biasOf, withOperands } from "./affine.ts";
import { isElementwise } from "./elementwise.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";

/** The convolution or product that makes a value through operators of one element each, all of them used here only. */
export function affineBehind(graph: GraphRewrite, value: TensorId | null | undefined, user: Node): Affine | undefined {
  let maker = graph.soleProducerOf(value, user);
  while (maker && isPlain(graph, maker)) maker = graph.soleProducerOf(maker.inputs[0], maker);
  if (!(conv2d.is(maker) || fullyConnected.is(maker))) return undefined;
  const affine = affineOf(graph, maker);
  const [x] = maker.inputs;
  if (!affine || typeof x !== "number") return undefined;
  // With groups an output channel belongs to its place.
  const isGrouped = conv2d.is(maker) && graph.shapeOf(x)[3] !== graph.shapeOf(affine.weightTensor)[3];
  return isGrouped ? undefined : affine;
}

/** An operator of one operand that works on each element alone. */
export const isPlain = (graph: GraphRewrite, node: Node): boolean =>
  node.inputs.length === 1 && isElementwise(graph, node);

/** The operator with output channel i doing what channel `order[i]` did. */
export function ordered(graph: GraphRewrite, affine: Affine, order: Int32Array): Node {
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
