/**
 * Rows of an affine operator that are seen as an image and transposed are computed in the order wanted, which costs nothing
 * (GANs and decoders; the GATHER goes into the weights, see `order-channels.ts`):
 *
 *     TRANSPOSE(RESHAPE(FULLY_CONNECTED(x, w), [N, C, H, W]), 0,2,3,1)
 *         →   RESHAPE(GATHER(FULLY_CONNECTED(x, w), order, last axis), [N, H, W, C])
 */
import { elementCount, type Node, type Shape, type TensorId } from "../ir/graph.ts";
import { gather } from "../ops/gather.ts";
import { identityOrder, permuted } from "../ops/layout/order.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import { affineBehind, isPlain } from "./ordered-affine.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const orderRows: Pass = {
  name: "order-rows",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [image, permutation] = node.inputs;
      const order = transpose.is(node) ? integersOf(graph, permutation) : undefined;
      if (!order || typeof image !== "number" || order[0] !== 0) continue;
      const between: Node[] = [];
      let apart = graph.soleProducerOf(image, node);
      for (; apart && isPlain(graph, apart); apart = graph.soleProducerOf(apart.inputs[0], apart)) between.push(apart);
      const [rows] = apart?.inputs ?? [];
      if (!reshape.is(apart) || typeof rows !== "number") continue;
      const shape = graph.shapeOf(image);
      if (!isRowPerSample(graph.shapeOf(rows), shape) || !affineBehind(graph, rows, apart)) continue;
      const axes = Array.from(order);
      graph.replace(apart, ...orderedRows(graph, apart, rows, shape, axes));
      for (const { outputs } of [apart, ...between])
        for (const id of outputs) graph.setTensor(id, { shape: permuted(shape, axes) });
      graph.bypass(node, image);
    }
  },
};

/** Is [N, C, H, W] a view of [N, C·H·W]? */
function isRowPerSample(rows: Shape, image: Shape): boolean {
  const depth = rows.at(-1) ?? 0;
  const isFlat = rows.slice(0, -1).every((size, at) => size === (at === 0 ? image[0] : 1));
  return isFlat && depth > 1 && elementCount(image.slice(1)) === depth;
}

/** Picks the elements of every row as an image of `shape` has them when its axes are stored in `order`. */
function orderedRows(
  graph: GraphRewrite,
  { name, outputs }: Node,
  rows: TensorId,
  shape: Shape,
  order: readonly number[],
): Node[] {
  const tensor = graph.tensor(rows);
  const axis = tensor.shape.length - 1;
  const places = placesOf(
    shape.slice(1),
    order.slice(1).map((one) => one - 1),
  );
  const picks = graph.addValues(`${name}/rows`, "int32", [places.length], places);
  const picked = graph.addTensor({ name: `${name}/ordered`, dtype: tensor.dtype, shape: tensor.shape });
  const newShape = permuted(shape, order);
  const target = graph.addValues(`${name}/shape`, "int32", [newShape.length], newShape);
  return [
    gather.node({ name: `${name}/ordered`, inputs: [rows, picks], outputs: [picked], attributes: { axis } }),
    reshape.node({ name, inputs: [picked, target], outputs, attributes: { newShape } }),
  ];
}

/** Where the elements of an image lie, in the order of the image transposed. */
function placesOf(shape: Shape, order: readonly number[]): number[] {
  const strides = identityOrder(shape.length).map((axis) => elementCount(shape.slice(axis + 1)));
  return order.reduce<number[]>(
    (places, axis) =>
      places.flatMap((place) => Array.from({ length: shape[axis] ?? 1 }, (_, at) => place + at * (strides[axis] ?? 0))),
    [0],
  );
}
