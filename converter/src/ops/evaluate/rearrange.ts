/** Copies elements of constants to other places, whatever their dtype (whole bytes only). */
import { byteSize, type DType, elementCount, type Shape } from "../../ir/graph.ts";
import type { ConstantValue } from "../define-op.ts";

/** Bytes of one element; null for dtypes that share bytes or vary in size. */
export function elementBytesOf(dtype: DType): number | null {
  if (dtype === "string" || byteSize(dtype, [2]) !== 2 * byteSize(dtype, [1])) return null;
  return byteSize(dtype, [1]);
}

/** Row-major strides of a shape. */
export function stridesOf(shape: Shape): readonly number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  return strides;
}

/**
 * A constant of `shape` each of whose elements is `source`'s element at `indexAt(position)`; null there leaves `fill`
 * (zero bytes by default). Null when the dtype's elements are not whole bytes.
 */
export function takeElements(
  source: ConstantValue,
  shape: Shape,
  indexAt: (position: readonly number[]) => number | null,
  fill?: Uint8Array,
): ConstantValue | null {
  const size = elementBytesOf(source.dtype);
  if (size === null) return null;
  const count = elementCount(shape);
  const bytes = new Uint8Array(count * size);
  const position = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < count; i++) {
    const from = indexAt(position);
    if (from !== null) bytes.set(source.bytes.subarray(from * size, (from + 1) * size), i * size);
    else if (fill) bytes.set(fill, i * size);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position[axis] = (position[axis] ?? 0) + 1;
      if ((position[axis] ?? 0) < (shape[axis] ?? 0)) break;
      position[axis] = 0;
    }
  }
  return { ...source, shape, bytes };
}

/** The same bytes under another shape. */
export const reshaped = (source: ConstantValue, shape: Shape): ConstantValue => ({ ...source, shape });

/** Constants of one dtype joined along `axis`; null when the dtype's elements are not whole bytes. */
export function joined(sources: readonly ConstantValue[], axis: number, shape: Shape): ConstantValue | null {
  const [first] = sources;
  const size = first ? elementBytesOf(first.dtype) : null;
  if (!first || size === null) return null;
  const outer = elementCount(shape.slice(0, axis));
  const bytes = new Uint8Array(elementCount(shape) * size);
  let at = 0;
  for (let row = 0; row < outer; row++)
    for (const source of sources) {
      const run = elementCount(source.shape.slice(axis)) * size;
      bytes.set(source.bytes.subarray(row * run, (row + 1) * run), at);
      at += run;
    }
  return { ...first, shape, bytes };
}

/** A constant spreadTo to `shape`: axes of size 1, and axes that it lacks in front, repeat. */
export function spreadTo(source: ConstantValue, shape: Shape): ConstantValue | null {
  const strides = stridesOf(source.shape);
  const missing = shape.length - source.shape.length;
  return takeElements(source, shape, (position) =>
    source.shape.reduce(
      (at, size, axis) => at + (size === 1 ? 0 : (position[axis + missing] ?? 0) * (strides[axis] ?? 0)),
      0,
    ),
  );
}
