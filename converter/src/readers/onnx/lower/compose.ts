/**
 * Small steps that lowerings are composed of: shapes changed, axes exchanged, parts taken, dtypes changed. A step that
 * changes nothing adds nothing.
 */
import type { DType, Shape, TensorId } from "../../../ir/graph.ts";
import { cast } from "../../../ops/cast.ts";
import { tensorTypeOf } from "../../../ops/element-type.ts";
import { pad } from "../../../ops/pad.ts";
import { padv2 } from "../../../ops/padv2.ts";
import { slice } from "../../../ops/slice.ts";
import { squeeze } from "../../../ops/squeeze.ts";
import type { NodeBuilder } from "../node-builder.ts";

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** Sizes in a range, counted from 0. */
export const indices = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

export function reshaped(node: NodeBuilder, role: string, id: TensorId, shape: Shape): TensorId {
  // A target shape without axes would be a constant without elements, which runtimes do not hold.
  if (shape.length === 0 && node.rank(id) > 0 && !node.graph.isConstant(id)) {
    return node.emit(squeeze, role, [id], { squeezeDims: indices(node.rank(id)) });
  }
  return node.build((graph, name) => graph.reshaped(name, id, shape), role);
}

export const transposed = (node: NodeBuilder, role: string, id: TensorId, axes: readonly number[]): TensorId =>
  node.build((graph, name) => graph.permuted(name, id, axes), role);

/** [N, C, …] → [N, …, C] */
export function channelsLast(node: NodeBuilder, role: string, id: TensorId): TensorId {
  const rank = node.rank(id);
  return transposed(node, role, id, [0, ...indices(rank - 2).map((at) => at + 2), 1]);
}

/** [N, …, C] → [N, C, …] */
export function channelsFirst(node: NodeBuilder, role: string, id: TensorId): TensorId {
  const rank = node.rank(id);
  return transposed(node, role, id, [0, rank - 1, ...indices(rank - 2).map((at) => at + 1)]);
}

/** A block of `sizes` from `begin` on. */
export function block(
  node: NodeBuilder,
  role: string,
  id: TensorId,
  begin: readonly number[],
  sizes: readonly number[],
): TensorId {
  const shape = node.graph.shapeOf(id);
  if (begin.every((at) => at === 0) && sameShape(shape, sizes)) return id;
  return node.emit(slice, role, [id, node.integers(`${role}/begin`, begin), node.integers(`${role}/size`, sizes)]);
}

/** What has index `at` along `axis`; the axis stays with size `count`. */
export function part(node: NodeBuilder, role: string, id: TensorId, axis: number, at: number, count: number): TensorId {
  const shape = node.shape(id);
  return block(
    node,
    role,
    id,
    shape.map((_, i) => (i === axis ? at : 0)),
    shape.with(axis, count),
  );
}

/** `pads`: [before, after] per axis, none negative. `value`: zero unless given. */
export function padded(
  node: NodeBuilder,
  role: string,
  id: TensorId,
  pads: readonly (readonly [number, number])[],
  value = 0,
): TensorId {
  if (pads.every(([before, after]) => before === 0 && after === 0)) return id;
  const paddings = node.integers(`${role}/pads`, pads.flat(), [pads.length, 2]);
  if (value === 0 && node.isFloat(id)) return node.emit(pad, role, [id, paddings]);
  return node.emit(padv2, role, [id, paddings, node.scalar(`${role}/value`, value, node.dtype(id))]);
}

export function castTo(node: NodeBuilder, role: string, id: TensorId, dtype: DType): TensorId {
  const from = node.dtype(id);
  if (from === dtype) return id;
  const attributes = { inDataType: tensorTypeOf(from), outDataType: tensorTypeOf(dtype) };
  return node.emit(cast, role, [id], attributes);
}
