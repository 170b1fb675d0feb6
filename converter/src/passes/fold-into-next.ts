/**
 * A constant that no affine operator in front could take goes into the one behind:
 *
 *     CONV_2D(MUL(x, c), w)   →   CONV_2D(x, w·c)          by input channel; whatever the padding, for 0·c is 0
 *     FULLY_CONNECTED(ADD(x, d), w, b)   →   FULLY_CONNECTED(x, w, b + w·d)
 *
 * Offsets go into products with whole rows only: around an image the zeros of SAME would have had to be −d.
 */
import { elementCount, type Node, type TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { float32ValuesOf } from "../ir/values.ts";
import { add } from "../ops/add.ts";
import { conv2d } from "../ops/conv-2d.ts";
import { fullyConnected } from "../ops/fully-connected.ts";
import { mul } from "../ops/mul.ts";
import { sub } from "../ops/sub.ts";
import { type Affine, affineOf, biasOf, floatsOf, isLinear, perChannel, withOperands } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { bothOrders } from "./scalars.ts";

export const foldIntoNext: Pass = {
  name: "fold-into-next",
  run: (graph) => {
    for (const node of graph.nodes()) {
      if (!(conv2d.is(node) || fullyConnected.is(node))) continue;
      const before = graph.soleProducerOf(node.inputs[0], node);
      const affine = before && isLinear(before) ? affineOf(graph, node) : undefined;
      const constant = affine && before && constantOf(graph, before);
      const depth = affine && graph.shapeOf(affine.weightTensor).at(-1);
      if (!affine || !before || !constant || depth === undefined) continue;
      if (graph.shapeOf(constant.value).join() !== graph.shapeOf(before.outputs[0]!).join()) continue;
      if (graph.shapeOf(constant.value).at(-1) !== depth) continue; // groups, and rows of several axes
      const perInput = perChannel(graph, constant.id, depth);
      if (!perInput) continue;
      const folded = mul.is(before) ? scaled(graph, affine, perInput) : shifted(graph, affine, perInput, constant.sign);
      if (!folded) continue;
      graph.remove(before);
      graph.replace(node, { ...folded, inputs: folded.inputs.with(0, constant.value) });
    }
  },
};

/** The value and the constant of a MUL, ADD or SUB. */
function constantOf(graph: GraphRewrite, node: Node): { value: TensorId; id: TensorId; sign: 1 | -1 } | undefined {
  if (!(mul.is(node) || add.is(node) || sub.is(node))) return undefined;
  const orders = sub.is(node) ? bothOrders(node).slice(0, 1) : bothOrders(node);
  const found = orders.find(([value, id]) => floatsOf(graph, id) && !graph.tensor(value).constant);
  return found && { value: found[0], id: found[1], sign: sub.is(node) ? -1 : 1 };
}

function scaled(graph: GraphRewrite, { node, weight, weightTensor }: Affine, factors: Float64Array): Node {
  const { name, shape, constant } = graph.tensor(weightTensor);
  const compute = (): Uint8Array => {
    const values = float32ValuesOf(constant!.bytes()); // affineOf saw that it is constant
    const result = values.map((value, at) => value * factors[at % factors.length]!);
    return new Uint8Array(result.buffer);
  };
  const weights = graph.addConstant(name, "float32", shape, lazyConstant(elementCount(shape) * 4, compute));
  return { ...node, inputs: node.inputs.with(weight, weights) };
}

function shifted(graph: GraphRewrite, affine: Affine, offsets: Float64Array, sign: 1 | -1): Node | undefined {
  const { node, weightTensor, channels } = affine;
  if (!fullyConnected.is(node) && !isUnpadded(graph, affine)) return undefined;
  const weights = floatsOf(graph, weightTensor)?.();
  if (!weights) return undefined;
  const run = weights.length / channels;
  const bias = biasOf(graph, affine).map((b, channel) => {
    let sum = b;
    for (let at = 0; at < run; at++) sum += sign * weights[channel * run + at]! * offsets[at % offsets.length]!;
    return sum;
  });
  return withOperands(graph, affine, { bias, biasName: `${node.name}/bias`, outputs: node.outputs });
}

/** Does the convolution never look beyond the image? */
function isUnpadded(graph: GraphRewrite, { node, weightTensor }: Affine): boolean {
  const [, height, width] = graph.shapeOf(weightTensor);
  return node.attributes.padding === "VALID" || (height === 1 && width === 1);
}
