/**
 * Graphs are NHWC. An operator whose `data_format` has channels first gets its input with channels last and gives its
 * result back with channels first; a pass removes what stands between two of them.
 */
import type { Shape, TensorId } from "../../../ir/graph.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal } from "./tf-lowering.ts";

/** @throws NodeRefusal for formats of other ranks and packings (NCDHW is read; NCHW_VECT_C is not) */
export function channelsFirst(node: NodeLowering): boolean {
  const format = node.stringAttr("data_format", "NHWC");
  if (format === "NHWC" || format === "NDHWC") return false;
  if (format === "NCHW" || format === "NCDHW") return true;
  throw new NodeRefusal(`the data_format ${format} is not converted`);
}

/** [0, 2, 3, 1] for rank 4. */
export const toLast = (rank: number): readonly number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
/** [0, 3, 1, 2] for rank 4. */
export const toFirst = (rank: number): readonly number[] => [
  0,
  rank - 1,
  ...Array.from({ length: rank - 2 }, (_, i) => i + 1),
];

/** Four values of an attribute per axis, in the order of NHWC. */
export function inNhwc(node: NodeLowering, values: readonly number[]): readonly number[] {
  return channelsFirst(node) ? toLast(values.length).map((axis) => values[axis] ?? 1) : values;
}

/** Applies `work` to the input with channels last; the result is in the node's own format. */
export function withChannelsLast(node: NodeLowering, input: TensorId, work: (nhwc: TensorId) => TensorId): TensorId {
  if (!channelsFirst(node)) return work(input);
  const rank = node.rankOf(input);
  if (rank < 3) return work(input);
  const result = work(node.permuted(input, toLast(rank), "channels_last"));
  return node.permuted(result, toFirst(node.rankOf(result)), "channels_first");
}

/** A 4-D shape in NHWC from one in the node's format. */
export const shapeInNhwc = (node: NodeLowering, shape: Shape): Shape => inNhwc(node, shape);
