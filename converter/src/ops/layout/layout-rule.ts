/**
 * The layout facet: how an operator changes when one of its operands or results is stored with its axes in another order.
 * Asked by `passes/assign-layouts.ts`, which chooses the orders; an operator knows only what it would become.
 * An order says which axis of the graph each stored axis is: NHWC storage of NCHW axes is [0, 2, 3, 1].
 */
import type { Attributes, Shape } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";

export type Order = readonly number[];

/** The operand or result whose order is given. */
export interface LayoutEnd {
  readonly side: "operand" | "result";
  readonly position: number;
}

/** What a node becomes. */
export interface Relayout {
  /**
   * The order of each operand; null leaves it as it is (indices, scalars). An order longer than the operand's rank means
   * that axes of size 1 are put in front first, as broadcasting does.
   */
  readonly operands: readonly (Order | null)[];
  readonly results: readonly Order[];
  readonly attributes?: Attributes;
  /** New integers of index operands, by position. */
  readonly indices?: Readonly<Record<number, readonly number[]>>;
  /** Constant operands that are a matter of operand 0's order in another way: seen as `view`, their axes are stored in `order`. */
  readonly constants?: Readonly<Record<number, { readonly view: Shape; readonly order: Order }>>;
  /** Operand 0 as stored is the result as stored. */
  readonly vanishes?: true;
}

/** Null when the operator cannot run on that order. */
export type Follow<A extends Attributes> = (use: OperatorUse<A>, end: LayoutEnd, order: Order) => Relayout | null;

/** An operator whose kernel takes its axes in one order only; the reason is in its file. */
export interface Barrier {
  readonly barrier: true;
  /** Its operands and its result are matrices, any of which it takes and gives transposed as well, told by attributes. */
  readonly turns?: true;
}
export const barrier: Barrier = Object.freeze({ barrier: true });
export const barrierOfMatrices: Barrier = Object.freeze({ barrier: true, turns: true });

export type LayoutRule<A extends Attributes> = Follow<A> | Barrier;
export const isBarrier = <A extends Attributes>(rule: LayoutRule<A>): rule is Barrier => typeof rule !== "function";
