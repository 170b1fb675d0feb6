/**
 * Elements of a row-major array, with its axes in another order. Weights are large, and most orders are one plain
 * transposition of a matrix (HWIO → OHWI is that of [HWI, O]): that goes tile by tile, so that both sides stay in the cache.
 * Knows bytes and shapes only.
 */
import { elementCount, type Shape } from "./graph.ts";
import { int32ValuesOf } from "./values.ts";

const tile = 16;

/** Axis i of the result is axis `permutation[i]` of `shape`. `bytes` hold float32 or int32. */
export function permuteElements(bytes: Uint8Array, shape: Shape, permutation: readonly number[]): Uint8Array {
  const source = int32ValuesOf(bytes);
  const result = new Int32Array(elementCount(shape));
  const matrix = asTransposition(shape, permutation);
  if (matrix) transpose(source, result, matrix.rows, matrix.columns);
  else permute(source, result, shape, permutation);
  return new Uint8Array(result.buffer);
}

/** The matrix whose transposition the permutation is: the axes behind some axis come to stand in front, in order. */
function asTransposition(shape: Shape, permutation: readonly number[]): { rows: number; columns: number } | undefined {
  const rank = permutation.length;
  const [split = 0] = permutation;
  if (!permutation.every((axis, at) => axis === (at + split) % rank)) return undefined;
  return { rows: elementCount(shape.slice(0, split)), columns: elementCount(shape.slice(split)) };
}

function transpose(source: Int32Array, result: Int32Array, rows: number, columns: number): void {
  for (let top = 0; top < rows; top += tile) {
    const bottom = Math.min(top + tile, rows);
    for (let left = 0; left < columns; left += tile) {
      const right = Math.min(left + tile, columns);
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) result[column * rows + row] = source[row * columns + column]!;
      }
    }
  }
}

function permute(source: Int32Array, result: Int32Array, shape: Shape, permutation: readonly number[]): void {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sizes = permutation.map((axis) => shape[axis] ?? 0);
  const steps = permutation.map((axis) => strides[axis] ?? 0);
  const last = sizes.length - 1;
  const inner = sizes[last] ?? 1;
  const innerStep = steps[last] ?? 0;
  const position = new Array<number>(sizes.length).fill(0);
  let from = 0;
  for (let to = 0; to < result.length; ) {
    for (let i = 0, at = from; i < inner; i++, at += innerStep) result[to++] = source[at]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      position[axis]! += 1;
      if (position[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      position[axis] = 0;
    }
  }
}

/** The same for elements of `size` bytes each. */
export function permuteBytes(
  bytes: Uint8Array,
  shape: Shape,
  permutation: readonly number[],
  size: number,
): Uint8Array {
  if (size === 4) return permuteElements(bytes, shape, permutation);
  const count = elementCount(shape);
  const places = permuteElements(
    new Uint8Array(Int32Array.from({ length: count }, (_, at) => at).buffer),
    shape,
    permutation,
  );
  const result = new Uint8Array(count * size);
  for (const [to, from] of int32ValuesOf(places).entries()) {
    for (let byte = 0; byte < size; byte++) result[to * size + byte] = bytes[from * size + byte] ?? 0;
  }
  return result;
}
