/** Arithmetic with constants that patterns see through: products, a·x + b, clamps of it, polynomials. */
import type { Node, TensorId } from "../ir/graph.ts";
import { add } from "../ops/add.ts";
import { div } from "../ops/div.ts";
import { mul } from "../ops/mul.ts";
import { neg } from "../ops/neg.ts";
import { pow } from "../ops/pow.ts";
import { square } from "../ops/square.ts";
import { sub } from "../ops/sub.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import { scalarOf } from "./scalars.ts";

/** Values multiplied with each other, and a number. */
export interface Product {
  readonly values: readonly TensorId[];
  readonly factor: number;
}

/** The product that the tensor is, down to `depth` multiplications. */
export function productOf(graph: GraphRewrite, id: TensorId, depth: number): Product {
  const number = scalarOf(graph, id);
  if (number !== undefined) return { values: [], factor: number };
  const node = graph.producerOf(id);
  const [a, b] = node?.inputs ?? [];
  if (!node || depth === 0 || typeof a !== "number" || typeof b !== "number" || !isLinear(node)) {
    return { values: [id], factor: 1 };
  }
  if (mul.is(node)) {
    const [left, right] = [productOf(graph, a, depth - 1), productOf(graph, b, depth - 1)];
    return { values: [...left.values, ...right.values], factor: left.factor * right.factor };
  }
  const divisor = div.is(node) ? scalarOf(graph, b) : undefined;
  if (divisor === undefined) return { values: [id], factor: 1 };
  const { values, factor } = productOf(graph, a, depth - 1);
  return { values, factor: factor / divisor };
}

/** `factor · value + offset`. */
export interface Linear {
  readonly value: TensorId;
  readonly factor: number;
  readonly offset: number;
}

/** The tensor as a number times a value plus a number, down to `depth` operations; at worst 1 times itself. */
export function linearOf(graph: GraphRewrite, id: TensorId, depth = 4): Linear {
  const node = graph.producerOf(id);
  const linear = node && depth > 0 && isLinear(node) ? linearBefore(graph, node, depth) : undefined;
  return linear ?? { value: id, factor: 1, offset: 0 };
}

/** The same of what a node makes before its fused activation. */
export function linearBefore(graph: GraphRewrite, node: Node, depth = 4): Linear | undefined {
  const step = stepOf(graph, node);
  if (!step) return undefined;
  const { value, factor, offset } = linearOf(graph, step.value, depth - 1);
  return { value, factor: step.factor * factor, offset: step.factor * offset + step.offset };
}

function stepOf(graph: GraphRewrite, node: Node): Linear | undefined {
  const [a, b] = node.inputs;
  if (neg.is(node) && typeof a === "number") return { value: a, factor: -1, offset: 0 };
  if (typeof a !== "number" || typeof b !== "number") return undefined;
  const [left, right] = [scalarOf(graph, a), scalarOf(graph, b)];
  if (div.is(node)) return right === undefined ? undefined : { value: a, factor: 1 / right, offset: 0 };
  if (sub.is(node)) {
    if (right !== undefined) return { value: a, factor: 1, offset: -right };
    return left === undefined ? undefined : { value: b, factor: -1, offset: left };
  }
  const [value, number] = right !== undefined ? [a, right] : [b, left];
  if (number === undefined) return undefined;
  if (mul.is(node)) return { value, factor: number, offset: 0 };
  return add.is(node) ? { value, factor: 1, offset: number } : undefined;
}

const highestDegree = 3;

/** The coefficients, lowest first, of the polynomial in `x` that the tensor is, of degree 3 at most; undefined if it is none. */
export function polynomialOf(graph: GraphRewrite, id: TensorId, x: TensorId, depth = 8): readonly number[] | undefined {
  if (id === x) return [0, 1];
  const number = scalarOf(graph, id);
  if (number !== undefined) return [number];
  const node = graph.producerOf(id);
  if (!node || depth === 0 || !isLinear(node)) return undefined;
  const [a, b] = node.inputs;
  const of = (one: TensorId | null | undefined) =>
    typeof one === "number" ? polynomialOf(graph, one, x, depth - 1) : undefined;
  const left = of(a);
  if (!left) return undefined;
  if (square.is(node)) return times(left, left);
  if (pow.is(node)) {
    const power = scalarOf(graph, b);
    return power === 2 ? times(left, left) : power === 3 ? times(times(left, left), left) : undefined;
  }
  const right = of(b);
  if (!right) return undefined;
  if (mul.is(node)) return times(left, right);
  if (add.is(node)) return plus(left, right, 1);
  if (sub.is(node)) return plus(left, right, -1);
  return div.is(node) && right.length === 1 ? left.map((c) => c / (right[0] ?? 1)) : undefined;
}

const plus = (a: readonly number[], b: readonly number[], sign: number): readonly number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, degree) => (a[degree] ?? 0) + sign * (b[degree] ?? 0));

function times(a: readonly number[] | undefined, b: readonly number[]): readonly number[] | undefined {
  if (!a || a.length + b.length - 2 > highestDegree) return undefined;
  const result = new Array<number>(a.length + b.length - 1).fill(0);
  for (const [i, left] of a.entries())
    for (const [j, right] of b.entries()) result[i + j] = (result[i + j] ?? 0) + left * right;
  return result;
}
