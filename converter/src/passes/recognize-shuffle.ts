/**
 * Reshape, transpose, reshape, where that is an operator of its own or a new order of channels:
 *
 *     [N,c·r·r,H,W] → [N,c,r,r,H,W] → N,c,H,r,W,r → [N,c,H·r,W·r]   →   DEPTH_TO_SPACE in NHWC, of channels in its order
 *     [N,H,W,r·r·c] → [N,H,W,r,r,c] → N,H,r,W,r,c → [N,H·r,W·r,c]   →   DEPTH_TO_SPACE
 *     [N,g·k,H,W]   → [N,g,k,H,W]   → N,k,g,H,W   → [N,k·g,H,W]     →   GATHER of channels (ShuffleNet)
 *
 * In front of layout assignment, which then has no six-dimensional transpose to place.
 */
import { elementCount, type Node, type Shape, type TensorId } from "../ir/graph.ts";
import { depthToSpace } from "../ops/depth-to-space.ts";
import { gather } from "../ops/gather.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

/** Orders of the six axes that are a depth to space, and which of them are height, width, block height and width, channels. */
const pixelShuffles = [
  { order: [0, 1, 4, 2, 5, 3], channelsFirst: true, sorted: false },
  { order: [0, 3, 4, 1, 5, 2], channelsFirst: true, sorted: true },
  { order: [0, 1, 3, 2, 4, 5], channelsFirst: false, sorted: true },
];

export const recognizeShuffle: Pass = {
  name: "recognize-shuffle",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const moved = reshape.is(node) ? graph.producerOf(node.inputs[0]) : undefined;
      const order = transpose.is(moved) ? integersOf(graph, moved.inputs[1]) : undefined;
      const apart = graph.producerOf(moved?.inputs[0]);
      const [x] = apart?.inputs ?? [];
      const [middle] = apart?.outputs ?? [];
      const [output] = node.outputs;
      if (!order || !reshape.is(apart) || typeof x !== "number" || middle === undefined || output === undefined)
        continue;
      const shapes = { from: graph.shapeOf(x), middle: graph.shapeOf(middle), to: graph.shapeOf(output) };
      const nodes =
        pixelShuffle(graph, node, x, Array.from(order), shapes) ??
        channelShuffle(graph, node, x, Array.from(order), shapes);
      if (nodes) graph.replace(node, ...nodes);
    }
  },
};

interface Shapes {
  readonly from: Shape;
  readonly middle: Shape;
  readonly to: Shape;
}

function pixelShuffle(
  graph: GraphRewrite,
  node: Node,
  x: TensorId,
  order: readonly number[],
  { from, middle, to }: Shapes,
): Node[] | undefined {
  const kind = pixelShuffles.find((one) => one.order.join() === order.join());
  if (!kind || from.length !== 4 || to.length !== 4) return undefined;
  const block = middle[kind.channelsFirst ? (kind.sorted ? 1 : 2) : 3] ?? 0;
  const channels = (kind.channelsFirst ? to[1] : to[3]) ?? 0;
  const [height, width] = kind.channelsFirst ? from.slice(2) : from.slice(1, 3);
  if (block < 2 || channels < 1 || height === undefined || width === undefined) return undefined;
  const sizes = [from[0], channels, block, block, height, width];
  const layout = kind.channelsFirst ? (kind.sorted ? [0, 2, 3, 1, 4, 5] : [0, 1, 2, 3, 4, 5]) : [0, 4, 5, 2, 3, 1];
  if (middle.join() !== layout.map((axis) => sizes[axis]).join()) return undefined;
  const [h, w] = [height * block, width * block];
  const wanted = kind.channelsFirst ? [from[0], channels, h, w] : [from[0], h, w, channels];
  if (to.join() !== wanted.join()) return undefined;

  const { dtype } = graph.tensor(x);
  const { name } = node;
  const attributes = { blockSize: block };
  if (!kind.channelsFirst) return [depthToSpace.node({ name, inputs: [x], outputs: node.outputs, attributes })];
  const made: Node[] = [];
  const step = (part: string, shape: Shape, make: (outputs: readonly TensorId[]) => Node): TensorId => {
    const id = graph.addTensor({ name: `${name}/${part}`, dtype, shape });
    made.push(make([id]));
    return id;
  };
  const permutation = (part: string, axes: readonly number[]) =>
    graph.addValues(`${name}/${part}/order`, "int32", [4], axes);
  const [batch = 1, depth = 1] = from;
  const last = step("last", [batch, height, width, depth], (outputs) =>
    transpose.node({ name: `${name}/last`, inputs: [x, permutation("last", [0, 2, 3, 1])], outputs }),
  );
  const area = block * block;
  const places = Array.from({ length: depth }, (_, at) => (at % channels) * area + Math.floor(at / channels));
  const sorted =
    kind.sorted || channels === 1
      ? last
      : step("sorted", [batch, height, width, depth], (outputs) => {
          const indices = graph.addValues(`${name}/channels`, "int32", [depth], places);
          return gather.node({ name: `${name}/sorted`, inputs: [last, indices], outputs, attributes: { axis: 3 } });
        });
  const blocks = step("blocks", [batch, h, w, channels], (outputs) =>
    depthToSpace.node({ name: `${name}/blocks`, inputs: [sorted], outputs, attributes }),
  );
  made.push(transpose.node({ name, inputs: [blocks, permutation("first", [0, 3, 1, 2])], outputs: node.outputs }));
  return made;
}

/** One axis cut into two that trade places, and joined again. */
function channelShuffle(
  graph: GraphRewrite,
  node: Node,
  x: TensorId,
  order: readonly number[],
  { from, middle, to }: Shapes,
): Node[] | undefined {
  if (from.join() !== to.join() || middle.length !== from.length + 1 || from.length < 3) return undefined;
  const axis = order.findIndex((one, at) => one !== at);
  const swapped = order.map((_, at) => (at === axis ? axis + 1 : at === axis + 1 ? axis : at));
  const [groups = 0, size = 0] = middle.slice(axis, axis + 2);
  const joined = [...middle.slice(0, axis), groups * size, ...middle.slice(axis + 2)];
  if (axis < 1 || order.join() !== swapped.join() || groups < 2 || size < 2 || joined.join() !== from.join())
    return undefined;
  const count = elementCount([groups, size]);
  const places = Array.from({ length: count }, (_, at) => (at % groups) * size + Math.floor(at / groups));
  const indices = graph.addValues(`${node.name}/channels`, "int32", [count], places);
  const { name, outputs } = node;
  return [gather.node({ name, inputs: [x, indices], outputs, attributes: { axis } })];
}
