/**
 * Picks of elements that follow each other are a slice, which is one copy:
 *
 *     GATHER(x, [2, 3, 4], axis)   GATHER_ND(x, [[2], [3], [4]])   →   SLICE(x, begin 2, size 3)
 */
import type { Node } from "../ir/graph.ts";
import { gather } from "../ops/gather.ts";
import { gatherNd } from "../ops/gather-nd.ts";
import { slice } from "../ops/slice.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const gatherBySlicing: Pass = {
  name: "gather-by-slicing",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const axis = pickedAxis(graph, node);
      const [x, indices] = node.inputs;
      if (axis === undefined || typeof x !== "number") continue;
      const picks = integersOf(graph, indices);
      const [first] = picks ?? [];
      if (!picks || first === undefined || !picks.every((pick, at) => pick === first + at)) continue;
      const shape = graph.shapeOf(x);
      const begin = shape.map((_, at) => (at === axis ? first : 0));
      const size = shape.map((length, at) => (at === axis ? picks.length : length));
      const operands = [begin, size].map((values, at) =>
        graph.addValues(`${node.name}/${at === 0 ? "begin" : "size"}`, "int32", [shape.length], values),
      );
      graph.replace(node, slice.node({ name: node.name, inputs: [x, ...operands], outputs: node.outputs }));
    }
  },
};

/** The axis along which whole slices are picked by a list of indices. */
function pickedAxis(graph: GraphRewrite, node: Node): number | undefined {
  const [x, indices] = node.inputs;
  if (typeof x !== "number" || typeof indices !== "number") return undefined;
  const sizes = graph.shapeOf(indices);
  if (gatherNd.is(node)) return sizes.length === 2 && sizes[1] === 1 ? 0 : undefined;
  if (!gather.is(node) || sizes.length !== 1) return undefined;
  const { axis, batchDims } = gather.attributesOf(node);
  return batchDims === 0 ? (axis < 0 ? axis + graph.shapeOf(x).length : axis) : undefined;
}
