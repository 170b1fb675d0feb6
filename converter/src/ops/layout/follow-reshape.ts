/**
 * How a change of shape follows an order: sizes are matched from the left into blocks of equal products,
 *
 *     [2, 12, 5] → [2, 3, 4, 5]     blocks 2|2  12|3·4  5|5
 *
 * and a block keeps its elements together if its axes lie next to each other, in their order, on the side given.
 */
import type { Attributes, Shape } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";
import type { LayoutEnd, Order, Relayout } from "./layout-rule.ts";
import { permuted } from "./order.ts";

interface Block {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** A dynamic size, which must be the same on both sides, counts as a factor that no other size has. */
const dynamic = 1_000_003;

/** The blocks of two shapes of as many elements; null when they cannot be told. Axes of size 1 are in none. */
function blocksOf(from: Shape, to: Shape): readonly Block[] | null {
  const product = (shape: Shape) => shape.reduce((total, size) => total * (size === -1 ? 1 : size), 1);
  const open = (shape: Shape) => shape.filter((size) => size === -1).length;
  if (open(from) !== open(to) || open(from) > 1 || product(from) !== product(to) || product(from) < 1) return null;
  const size = (shape: Shape, axis: number) => (shape[axis] === -1 ? dynamic : (shape[axis] ?? 1));
  const blocks: Block[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const block = { from: [] as number[], to: [] as number[] };
    let [left, right] = [1, 1];
    do {
      if ((left <= right && i < from.length) || j >= to.length) {
        if (i >= from.length) return null;
        if (from[i] !== 1) block.from.push(i);
        left *= size(from, i++);
      } else {
        if (to[j] !== 1) block.to.push(j);
        right *= size(to, j++);
      }
    } while (left !== right);
    if (block.from.length > 0) blocks.push(block);
  }
  return blocks;
}

/** The order of the shape `to` whose elements lie as those of `from` stored in `order`; null when there is none. */
function carried(from: Shape, to: Shape, order: Order): Order | null {
  const blocks = blocksOf(from, to);
  if (!blocks) return null;
  const result: number[] = [];
  const long = order.filter((axis) => from[axis] !== 1);
  for (let at = 0; at < long.length; ) {
    const block = blocks.find((one) => one.from[0] === long[at]);
    if (!block?.from.every((axis, k) => long[at + k] === axis)) return null;
    result.push(...block.to);
    at += block.from.length;
  }
  return placeOnes(result, to);
}

/** Axes of size 1 go behind their left neighbour, the first ones in front and the last ones to the end. */
function placeOnes(order: number[], shape: Shape): Order {
  const result = [...order];
  let tail = shape.length;
  while (tail > 0 && shape[tail - 1] === 1) tail--;
  for (const [axis, size] of shape.entries()) {
    if (size !== 1) continue;
    if (axis >= tail) result.push(axis);
    else result.splice(axis === 0 ? 0 : result.indexOf(axis - 1) + 1, 0, axis);
  }
  return result;
}

export function followReshape(
  { inputs, outputs }: OperatorUse<Attributes>,
  end: LayoutEnd,
  order: Order,
): Relayout | null {
  const [from, to] = [inputs[0]?.shape ?? [], outputs[0]?.shape ?? []];
  const other = end.side === "operand" ? carried(from, to, order) : carried(to, from, order);
  if (!other) return null;
  const [before, after] = end.side === "operand" ? [order, other] : [other, order];
  const newShape = permuted(to, after);
  const operands = inputs.map((_, at) => (at === 0 ? before : null));
  return { operands, results: [after], attributes: { newShape }, indices: { 1: newShape } };
}
