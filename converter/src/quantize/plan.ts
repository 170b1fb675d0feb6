/**
 * The quantization plan as a value: for every node how it computes and with which parameters for each operand and
 * result, or why in float. It can be printed, compared and saved as JSON; `apply.ts` is the only reader that rewrites.
 */
import type { Attributes, TensorId } from "../ir/graph.ts";
import type { IntegerMode, Precision, ValueDType } from "./precision.ts";
import type { IoDType } from "./recipe.ts";
import type { AffineParameters, Range } from "./scales.ts";

/**
 * Symmetric integers, zero points 0: int8 in [-127, 127], or int4 in [-7, 7]; `axis` null: one scale.
 * With `blockSize`, every so many values of a row (the last axis) have a scale of their own, row after row.
 * `values`: integers chosen in the place of the nearest ones, in the order of the float constant (rounding that was
 * optimised), one to a byte for int4 too; called when the file is written, pure.
 */
export interface WeightPlan {
  readonly use: "weight";
  readonly axis: number | null;
  readonly scales: readonly number[];
  readonly dtype?: "int4";
  readonly blockSize?: number;
  readonly values?: () => Int8Array;
}

export type OperandPlan =
  /** A run-time value, read with these parameters; requantized first where its producer writes it with others. */
  | { readonly use: "activation"; readonly parameters: AffineParameters }
  /** A constant that stands in for a run-time value: integers of the node's mode, per tensor. */
  | { readonly use: "constant"; readonly parameters: AffineParameters }
  | WeightPlan
  /** int32, or int64 beside int16 values; `correction` is added to the float values before rounding. */
  | {
      readonly use: "bias";
      readonly scales: readonly number[];
      readonly dtype?: "int64";
      readonly correction?: readonly number[];
    }
  /** A constant stored narrower, and float32 again behind a DEQUANTIZE. */
  | { readonly use: "dequantized"; readonly stored: WeightPlan | "float16" }
  /** Indices, shapes, booleans, absent operands. */
  | { readonly use: "as-is" };

export type NodePlan = { readonly node: string; readonly operator: string } & (
  | {
      /** What its values are. */
      readonly mode: IntegerMode;
      readonly precision: Precision;
      readonly operands: readonly OperandPlan[];
      /** null: the result is not quantized (indices). */
      readonly results: readonly (AffineParameters | null)[];
      /** Options that its kernel needs in this form. */
      readonly attributes?: Attributes;
    }
  | {
      readonly mode: "float";
      /** What it has in the end: "float32", unless its constants are stored narrower. */
      readonly precision: Precision;
      readonly reason: string;
      /** Its constants, where some are stored narrower. */
      readonly operands?: readonly OperandPlan[];
      readonly attributes?: Attributes;
    }
  /** Computes on integers already, or on constants only. */
  | { readonly mode: "untouched" }
);

/** A run-time tensor that exists in integers. One that is read as int8 and as int16 is there twice. */
export interface TensorPlan {
  readonly tensor: TensorId;
  readonly name: string;
  readonly dtype: ValueDType;
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
  /** In id order. */
  readonly tensors: readonly TensorPlan[];
}

export const isInteger = (node: NodePlan): node is Extract<NodePlan, { readonly mode: IntegerMode }> =>
  node.mode === "int8" || node.mode === "int16x8";

export const floatOperatorsOf = (plan: QuantizationPlan): FloatOperator[] =>
  plan.nodes.flatMap((node) =>
    node.mode === "float" ? [{ node: node.node, operator: node.operator, reason: node.reason }] : [],
  );
