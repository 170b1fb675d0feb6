/**
 * Elements of a row-major float32 array with its axes in another order. Weights are large and most orders are one plain
 * transposition of a matrix (HWIO → OHWI is that of [HWI, O]): it goes tile by tile, so that both sides stay in the cache.
 */
import { elementCount, type Shape } from "../../ir/graph.ts";
import { float32ValuesOf } from "../../ir/values.ts";

const tile = 16;

export function permuteFloats(bytes: Uint8Array, shape: Shape, permutation: readonly number[]): Uint8Array {
  const source = float32ValuesOf(bytes);
  const matrix = asTransposition(shape, permutation);
  const result = new Float32Array(elementCount(shape));
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

function transpose(source: Float32Array, result: Float32Array, rows: number, columns: number): void {
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

function permute(source: Float32Array, result: Float32Array, shape: Shape, permutation: readonly number[]): void {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sizes = permutation.map((axis) => shape[axis] ?? 0);
  const steps = permutation.map((axis) => strides[axis] ?? 0);
  const rank = sizes.length;
  const inner = sizes[rank - 1] ?? 1;
  const innerStep = steps[rank - 1] ?? 0;
  const position = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < result.length; ) {
    for (let i = 0, at = from; i < inner; i++, at += innerStep) result[to++] = source[at]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += steps[axis]!;
      position[axis]! += 1;
      if (position[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      position[axis] = 0;
    }
  }
}
