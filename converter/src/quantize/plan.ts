/**
 * The int8 plan as a value: for every node whether it runs in int8 and with which parameters for each operand and
 * result, or why not. It can be printed, compared and saved as JSON; `apply.ts` is the only reader that rewrites.
 */
import type { TensorId } from "../ir/graph.ts";
import type { IoDType } from "./recipe.ts";
import type { AffineParameters, Range } from "./scales.ts";

export type OperandPlan =
  /** A run-time value, read with these parameters; requantized first where its producer writes it with others. */
  | { readonly use: "activation"; readonly parameters: AffineParameters }
  /** A constant that stands in for a run-time value: int8 per tensor. */
  | { readonly use: "constant"; readonly parameters: AffineParameters }
  /**
   * int8 in [-127, 127], zero points 0; `axis` null: one scale. `values`: integers chosen in the place of the nearest
   * ones, in the order of the float constant (rounding that was optimised); called when the file is written, pure.
   */
  | {
      readonly use: "weight";
      readonly axis: number | null;
      readonly scales: readonly number[];
      readonly values?: () => Int8Array;
    }
  /** int32; `correction` is added to the float values before rounding. */
  | { readonly use: "bias"; readonly scales: readonly number[]; readonly correction?: readonly number[] }
  /** Indices, shapes, booleans, absent operands. */
  | { readonly use: "as-is" };

export type NodePlan = { readonly node: string; readonly operator: string } & (
  | {
      readonly mode: "int8";
      readonly operands: readonly OperandPlan[];
      /** null: the result is not quantized (indices). */
      readonly results: readonly (AffineParameters | null)[];
    }
  | { readonly mode: "float"; readonly reason: string }
  /** Computes on integers already, or on constants only. */
  | { readonly mode: "untouched" }
);

export interface TensorPlan {
  readonly tensor: TensorId;
  readonly name: string;
  readonly range: Range;
  readonly parameters: AffineParameters;
}

/** A float operator that stays in an integer variant, and why. */
export interface FloatOperator {
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

export interface QuantizationPlan {
  readonly graph: string;
  readonly io: IoDType;
  /** As many as the graph's nodes, in their order. */
  readonly nodes: readonly NodePlan[];
  /** Every run-time tensor that exists in int8, in id order. */
  readonly tensors: readonly TensorPlan[];
}

export const floatOperatorsOf = (plan: QuantizationPlan): FloatOperator[] =>
  plan.nodes.flatMap((node) =>
    node.mode === "float" ? [{ node: node.node, operator: node.operator, reason: node.reason }] : [],
  );
