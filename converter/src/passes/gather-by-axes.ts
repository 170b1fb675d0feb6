/**
 * Positions that are the same for all, or a grid of rows and columns, are picked axis by axis, which layouts can follow:
 *
 *     GATHER_ND(x, [[2], [0], [2]])   →   GATHER(x, [2, 0, 2], axis 0)
 *     GATHER_ND(x, places[i, j] = (rows[i], columns[j]))   →   GATHER(GATHER(x, rows, axis 0), columns, axis 1)
 *
 * PyTorch's newer exporter spells resizing by index so.
 */
import { elementCount, type Node, type TensorId } from "../ir/graph.ts";
import { gather } from "../ops/gather.ts";
import { gatherNd } from "../ops/gather-nd.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const gatherByAxes: Pass = {
  name: "gather-by-axes",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const nodes = gatherNd.is(node) ? byAxes(graph, node) : undefined;
      if (nodes) graph.replace(node, ...nodes);
    }
  },
};

function byAxes(graph: GraphRewrite, node: Node): Node[] | undefined {
  const [x, indices] = node.inputs;
  if (typeof x !== "number" || typeof indices !== "number") return undefined;
  const values = integersOf(graph, indices);
  const sizes = graph.shapeOf(indices);
  const grid = sizes.slice(0, -1);
  const depth = sizes.at(-1) ?? 0;
  if (!values || values.length === 0 || values.some((value) => value < 0)) return undefined;
  const single = depth === 1 ? [{ picks: Array.from(values), shape: grid }] : undefined;
  const picked = single ?? linesOf(values, grid, depth)?.map((picks) => ({ picks, shape: [picks.length] }));
  if (!picked) return undefined;
  const nodes: Node[] = [];
  let value: TensorId = x;
  for (const [axis, { picks, shape }] of picked.entries()) {
    const isLast = axis === picked.length - 1;
    const name = isLast ? node.name : `${node.name}/axis${axis}`;
    const id = graph.addValues(`${node.name}/axis${axis}/picks`, "int32", shape, picks);
    const { dtype, shape: from } = graph.tensor(value);
    const outputs = isLast
      ? node.outputs
      : [graph.addTensor({ name, dtype, shape: from.toSpliced(axis, 1, ...shape) })];
    nodes.push(gather.node({ name, inputs: [value, id], outputs, attributes: { axis } }));
    value = outputs[0] ?? value;
  }
  return nodes;
}

/** The picks along each axis, if number k of every position depends on axis k of the grid only. */
function linesOf(values: Int32Array, grid: readonly number[], depth: number): number[][] | undefined {
  if (grid.length !== depth) return undefined;
  const strides = grid.map((_, axis) => elementCount(grid.slice(axis + 1)));
  const lines = grid.map((size, axis) =>
    Array.from({ length: size }, (_, at) => values[at * (strides[axis] ?? 0) * depth + axis] ?? 0),
  );
  const isGrid = values.every((value, at) => {
    const [place, axis] = [Math.floor(at / depth), at % depth];
    return value === lines[axis]?.[Math.floor(place / (strides[axis] ?? 1)) % (grid[axis] ?? 1)];
  });
  return isGrid ? lines : undefined;
}
