/**
 * What is taken apart and put together again in the same order was only given another shape, or none:
 *
 *     CONCATENATION(UNPACK(x, axis), axis)   PACK(UNPACK(x, axis), axis)   CONCATENATION(SPLIT(x, axis), axis)   →   RESHAPE(x)
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { concatenation } from "../ops/concatenation.ts";
import { pack } from "../ops/pack.ts";
import { reshape } from "../ops/reshape.ts";
import { split } from "../ops/split.ts";
import { splitV } from "../ops/split-v.ts";
import { unpack } from "../ops/unpack.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const joinParts: Pass = {
  name: "join-parts",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [output] = node.outputs;
      const whole = (concatenation.is(node) && isLinear(node)) || pack.is(node) ? wholeOf(graph, node) : undefined;
      if (whole === undefined || output === undefined) continue;
      const newShape = graph.shapeOf(output);
      if (newShape.includes(-1)) continue;
      const shape = graph.addValues(`${node.name}/shape`, "int32", [newShape.length], newShape);
      const { name, outputs } = node;
      graph.replace(node, reshape.node({ name, inputs: [whole, shape], outputs, attributes: { newShape } }));
    }
  },
};

/** The tensor whose parts, all of them and in order, the node puts together along the axis that they were cut along. */
function wholeOf(graph: GraphRewrite, node: Node): TensorId | undefined {
  const cut = graph.producerOf(node.inputs[0]);
  if (!cut || cut.outputs.length !== node.inputs.length) return undefined;
  if (!cut.outputs.every((part, at) => part === node.inputs[at])) return undefined;
  const whole = cut.inputs[split.is(cut) ? 1 : 0];
  if (typeof whole !== "number") return undefined;
  const rank = graph.shapeOf(whole).length;
  const front = (axis: unknown, of: number) => (typeof axis === "number" && axis < 0 ? axis + of : axis);
  const cutAxis = unpack.is(cut)
    ? front(cut.attributes.axis, rank)
    : split.is(cut) || splitV.is(cut)
      ? front(integersOf(graph, cut.inputs[split.is(cut) ? 0 : 2])?.[0], rank)
      : undefined;
  const isStack = pack.is(node);
  if (cutAxis === undefined || (isStack && !unpack.is(cut))) return undefined;
  const joined = front(node.attributes.axis, unpack.is(cut) && !isStack ? rank - 1 : rank);
  return joined === cutAxis ? whole : undefined;
}
