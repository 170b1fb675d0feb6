/** Elements of a row-major array, with its axes in another order. Knows bytes and shapes only. */
import { elementCount, type Shape } from "./graph.ts";
import { int32ValuesOf } from "./values.ts";

/** Axis i of the result is axis `permutation[i]` of `shape`. `bytes` hold float32 or int32. */
export function permuteElements(bytes: Uint8Array, shape: Shape, permutation: readonly number[]): Uint8Array {
  const source = int32ValuesOf(bytes);
  const result = new Int32Array(elementCount(shape));
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
  return new Uint8Array(result.buffer);
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
