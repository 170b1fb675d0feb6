/** Reads of constants that patterns are told by: single numbers, axes. */
import { elementCount, type Node, type TensorId } from "../ir/graph.ts";
import { int32ValuesOf } from "../ir/values.ts";
import { floatsOf } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";

type Id = TensorId | null | undefined;

/** The number that a float32 constant holds, if it is one or all its elements are the same. */
export function scalarOf(graph: GraphRewrite, id: Id): number | undefined {
  const values =
    typeof id === "number" && elementCount(graph.shapeOf(id)) <= 65_536 ? floatsOf(graph, id)?.() : undefined;
  const first = values?.[0];
  return first !== undefined && values?.every((value) => value === first) ? first : undefined;
}

/** The elements of an int32 constant. */
export function integersOf(graph: GraphRewrite, id: Id): Int32Array | undefined {
  if (typeof id !== "number") return undefined;
  const { dtype, constant } = graph.tensor(id);
  return constant && dtype === "int32" ? int32ValuesOf(constant.bytes()) : undefined;
}

/** Equal but for the rounding of constants to float32 by other tools. */
export const isAbout = (found: number | undefined, wanted: number): boolean =>
  found !== undefined && Math.abs(found - wanted) <= Math.abs(wanted) * 1e-6;

/** Does a reduction's second operand name just the last axis of its first, and is that axis kept? */
export function reducesLastAxis(graph: GraphRewrite, node: Node): boolean {
  const [value, axes] = node.inputs;
  if (typeof value !== "number" || typeof axes !== "number" || node.attributes.keepDims !== true) return false;
  const [axis, ...others] = integersOf(graph, axes) ?? [];
  return others.length === 0 && (axis === -1 || axis === graph.shapeOf(value).length - 1);
}

/** The operands of a node of two, in both orders. */
export function bothOrders({ inputs: [a, b] }: Node): readonly (readonly [TensorId, TensorId])[] {
  return typeof a === "number" && typeof b === "number" ? [[a, b], [b, a]] : []; // biome-ignore format: a table
}

export const sameShape = (graph: GraphRewrite, a: TensorId, b: TensorId): boolean =>
  graph.shapeOf(a).join() === graph.shapeOf(b).join();
