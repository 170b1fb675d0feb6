/**
 * Transposes of more than five axes, which runtimes before 2.12 do not have, are done on fewer where axes go together:
 *
 *     TRANSPOSE(x[1, 8, 7, 8, 7, 96], 0,1,3,2,4,5)   →   RESHAPE(TRANSPOSE(RESHAPE(x, [8, 7, 8, 672]), 0,2,1,3))
 */
import type { Node, Shape, TensorId } from "../ir/graph.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

const mostAxes = 5;

export const narrowTransposes: Pass = {
  name: "narrow-transposes",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [x] = node.inputs;
      const [output] = node.outputs;
      const order = transpose.is(node) ? integersOf(graph, node.inputs[1]) : undefined;
      if (!order || order.length <= mostAxes || typeof x !== "number" || output === undefined) continue;
      const shape = graph.shapeOf(x);
      if (shape.includes(-1)) continue;
      const groups = groupsOf(shape, Array.from(order));
      if (groups.length <= mostAxes) graph.replace(node, ...narrowed(graph, node, x, output, groups));
    }
  },
};

/** Axes longer than 1 in the result's order, those that follow each other in the operand as well in one group. */
function groupsOf(shape: Shape, order: readonly number[]): readonly (readonly number[])[] {
  const long = shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const groups: number[][] = [];
  for (const axis of order) {
    if (shape[axis] === 1) continue;
    const last = groups.at(-1);
    const before = last?.at(-1);
    if (last && before !== undefined && long.indexOf(axis) === long.indexOf(before) + 1) last.push(axis);
    else groups.push([axis]);
  }
  return groups;
}

function narrowed(
  graph: GraphRewrite,
  node: Node,
  x: TensorId,
  output: TensorId,
  groups: readonly (readonly number[])[],
): Node[] {
  const { name } = node;
  const { dtype, shape } = graph.tensor(x);
  const sizeOf = (group: readonly number[]) => group.reduce((product, axis) => product * (shape[axis] ?? 1), 1);
  const stored = [...groups].sort(([a = 0], [b = 0]) => a - b);
  const shaped = (part: string, source: TensorId, newShape: Shape, target: TensorId) => {
    const operand = graph.addValues(`${name}/${part}/shape`, "int32", [newShape.length], newShape);
    return reshape.node({
      name: `${name}/${part}`,
      inputs: [source, operand],
      outputs: [target],
      attributes: { newShape },
    });
  };
  const [from, to] = [stored.map(sizeOf), groups.map(sizeOf)];
  const [narrow, moved] = [from, to].map((sizes, at) =>
    graph.addTensor({ name: `${name}/${at === 0 ? "narrow" : "moved"}`, dtype, shape: sizes }),
  );
  const order = graph.addValues(
    `${name}/order`,
    "int32",
    [groups.length],
    groups.map((group) => stored.indexOf(group)),
  );
  if (narrow === undefined || moved === undefined) return [node];
  return [
    shaped("narrow", x, from, narrow),
    transpose.node({ name, inputs: [narrow, order], outputs: [moved] }),
    shaped("wide", moved, graph.shapeOf(output), output),
  ];
}
