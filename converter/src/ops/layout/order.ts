/** Arithmetic of axis orders: stored axis i of a tensor is axis `order[i]` of the graph's tensor. */
import type { Shape } from "../../ir/graph.ts";
import type { Order } from "./layout-rule.ts";

export const identityOrder = (rank: number): Order => Array.from({ length: rank }, (_, axis) => axis);

export const isIdentity = (order: Order): boolean => order.every((axis, at) => axis === at);

/** The sizes as stored. */
export const permuted = (shape: Shape, order: Order): Shape => order.map((axis) => shape[axis] ?? 1);

/** The order of `rank` axes that broadcasting makes of fewer: axes of size 1 in front. */
export function inFront(order: Order, rank: number): Order {
  const added = rank - order.length;
  return added <= 0 ? order : [...identityOrder(added), ...order.map((axis) => axis + added)];
}

/** What is left of an order when graph axes go; the others are counted anew. */
export function without(order: Order, gone: ReadonlySet<number>): Order {
  const kept = order.filter((axis) => !gone.has(axis));
  const renumbered = [...kept].sort((a, b) => a - b);
  return kept.map((axis) => renumbered.indexOf(axis));
}

/** The order of a tensor with the graph axes `added` besides those of `order`, each stored behind its left neighbour. */
export function withAxes(order: Order, added: ReadonlySet<number>): Order {
  const rank = order.length + added.size;
  const kept = identityOrder(rank).filter((axis) => !added.has(axis));
  const result = order.map((axis) => kept[axis] ?? 0);
  for (const axis of [...added].sort((a, b) => a - b)) {
    result.splice(axis === rank - 1 ? result.length : result.indexOf(axis - 1) + 1, 0, axis);
  }
  return result;
}

/** Do two orders of one shape differ in nothing but where axes of size 1 stand? Then no element moves. */
export function sameElements(shape: Shape, a: Order, b: Order): boolean {
  const long = (order: Order) => order.filter((axis) => shape[axis] !== 1);
  const [left, right] = [long(a), long(b)];
  return left.length === right.length && left.every((axis, at) => axis === right[at]);
}
