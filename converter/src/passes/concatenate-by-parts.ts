/**
 * What is transposed only to be joined with more is joined by parts, each a copy of whole rows (anchors of YOLO's heads):
 *
 *     CONCATENATION(RESHAPE(TRANSPOSE(x[N, H, W, A, K], 0,3,1,2,4), [N, A·H·W, K]), …, axis 1)
 *         →   CONCATENATION(SPLIT(RESHAPE(x, [N, H·W, A·K]), A parts of the last axis), …, axis 1)
 *
 * As many nodes, and none of five axes, which no accelerator takes.
 */
import { elementCount, type Node, type Shape, type TensorId } from "../ir/graph.ts";
import { concatenation } from "../ops/concatenation.ts";
import { reshape } from "../ops/reshape.ts";
import { split } from "../ops/split.ts";
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

/** With more parts than this, copies get too short and operands too many. */
const maxParts = 16;

export const concatenateByParts: Pass = {
  name: "concatenate-by-parts",
  run: (graph) => {
    for (const node of graph.nodes()) {
      if (!concatenation.is(node)) continue;
      const { axis } = concatenation.attributesOf(node);
      const at = axis < 0 ? axis + graph.shapeOf(node.outputs[0]!).length : axis; // it has a result
      const made: Node[] = [];
      const inputs = node.inputs.flatMap(
        (id): readonly (TensorId | null)[] => partsOf(graph, node, id, at, made) ?? [id],
      );
      if (made.length > 0) graph.replace(node, ...made, { ...node, inputs });
    }
  },
};

/** The parts of one operand, made by nodes added to `made`; undefined where it is no such transpose. */
function partsOf(
  graph: GraphRewrite,
  user: Node,
  id: TensorId | null,
  axis: number,
  made: Node[],
): readonly TensorId[] | undefined {
  const joined = graph.soleProducerOf(id, user);
  if (!reshape.is(joined) || id === null || user.inputs.indexOf(id) !== user.inputs.lastIndexOf(id)) return undefined;
  const moved = graph.soleProducerOf(joined.inputs[0], joined);
  const [x] = moved?.inputs ?? [];
  const order = transpose.is(moved) ? integersOf(graph, moved.inputs[1]) : undefined;
  if (!order || typeof x !== "number") return undefined;
  const [from, to] = [graph.shapeOf(x), graph.shapeOf(id)];
  const blocks = blocksOf(from, Array.from(order));
  if (!blocks || from.includes(-1) || axis !== to.length - 2) return undefined;
  const [outer, rows, parts, row] = blocks;
  const wanted = [outer, rows * parts, row];
  const found = [elementCount(to.slice(0, axis)), to[axis], to[axis + 1]];
  if (parts > maxParts || wanted.join() !== found.join()) return undefined;

  const { name } = joined;
  const { dtype } = graph.tensor(x);
  const flat = [...to.slice(0, axis), rows, parts * row];
  const shape = graph.addValues(`${name}/rows/shape`, "int32", [flat.length], flat);
  const whole = graph.addTensor({ name: `${name}/rows`, dtype, shape: flat });
  made.push(
    reshape.node({ name: `${name}/rows`, inputs: [x, shape], outputs: [whole], attributes: { newShape: flat } }),
  );
  const outputs = Array.from({ length: parts }, (_, part) =>
    graph.addTensor({ name: `${name}/part${part}`, dtype, shape: flat.with(-1, row) }),
  );
  const along = graph.addValues(`${name}/parts/axis`, "int32", [], [flat.length - 1]);
  made.push(split.node({ name, inputs: [along, whole], outputs, attributes: { numSplits: parts } }));
  return outputs;
}

/** The sizes [outer, rows, parts, row] of an order that brings one block of axes, the parts, in front of another, the rows. */
function blocksOf(shape: Shape, order: readonly number[]): [number, number, number, number] | undefined {
  const first = order.findIndex((axis, at) => axis !== at);
  const start = order[first] ?? 0;
  const end = order.findLastIndex((axis, at) => axis !== at) + 1;
  const expected = [...range(0, first), ...range(start, end), ...range(first, start), ...range(end, order.length)];
  if (first < 0 || expected.join() !== order.join()) return undefined;
  const size = (from: number, to: number) => elementCount(shape.slice(from, to));
  return [size(0, first), size(first, start), size(start, end), size(end, order.length)];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);
