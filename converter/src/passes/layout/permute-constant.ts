/** Constants stored in another order of their axes, computed when they are asked for. */
import { type Constant, elementCount, type Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { stridesOf } from "../../ops/evaluate/rearrange.ts";
import type { Order } from "../../ops/layout/layout-rule.ts";
import { permuted } from "../../ops/layout/order.ts";

/** `size`: bytes of one element. */
export const permutedConstant = (constant: Constant, shape: Shape, order: Order, size: number): Constant =>
  lazyConstant(constant.byteLength, () => permutedBytes(constant.bytes(), shape, order, size));

export function permutedBytes(bytes: Uint8Array, shape: Shape, order: Order, size: number): Uint8Array {
  const result = new Uint8Array(elementCount(shape) * size);
  const sizes = permuted(shape, order);
  const strides = stridesOf(shape);
  const steps = order.map((axis) => (strides[axis] ?? 1) * size);
  const last = sizes.length - 1;
  const [row, step] = [sizes[last] ?? 1, steps[last] ?? size];
  const position = new Array<number>(sizes.length).fill(0);
  for (let to = 0, from = 0; to < result.length; ) {
    for (let at = 0, source = from; at < row; at++, source += step) {
      for (let byte = 0; byte < size; byte++) result[to++] = bytes[source + byte] ?? 0;
    }
    for (let axis = last - 1; axis >= 0; axis--) {
      position[axis] = (position[axis] ?? 0) + 1;
      from += steps[axis] ?? 0;
      if ((position[axis] ?? 0) < (sizes[axis] ?? 1)) break;
      from -= (steps[axis] ?? 0) * (position[axis] ?? 0);
      position[axis] = 0;
    }
  }
  return result;
}
