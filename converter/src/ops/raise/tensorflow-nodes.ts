/**
 * What an operator's `raise` facet writes with: nodes of a TensorFlow GraphDef, of the kinds and in the forms that
 * tfjs-converter 4.22 executes (its `operations/op_list`). Values are NHWC, filters HWIO. Knows nothing of files.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Attributes, DType, Shape } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";

/** A tensor of the TensorFlow graph: `node` or `node:1`. */
export type Ref = string & { readonly __ref: never };

/** dtypes that tfjs has; other integers are written as int32. */
export type TensorFlowDType = "float32" | "int32" | "bool";

export type TensorFlowAttribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "type"; readonly value: TensorFlowDType }
  | { readonly kind: "shape"; readonly value: Shape }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] };
export type TensorFlowAttributes = Readonly<Record<string, TensorFlowAttribute>>;

/** An operand in another arrangement: rows along its first axis, then its axes in another order, then another shape. */
export interface Arrangement {
  /** From and to; only of constants. */
  readonly rows?: readonly [number, number];
  readonly permutation?: readonly number[];
  readonly shape?: Shape;
}

export interface TensorFlowNodes {
  /** The operand as a tensor; a constant becomes a weight of the file when it is first asked for. */
  operand(index: number): Ref;
  /** The operand rearranged: a constant as a weight that is stored so, anything else by nodes. */
  arranged(index: number, arrangement: Arrangement): Ref;
  /** A node with one result. Its name is made from the operator's. */
  node(op: string, inputs: readonly Ref[], attributes?: TensorFlowAttributes): Ref;
  /** A node with several results. */
  nodes(op: string, inputs: readonly Ref[], attributes: TensorFlowAttributes, results: number): readonly Ref[];
  /** Numbers that the operator itself brings. One number is a scalar unless a shape is given. */
  constant(dtype: TensorFlowDType, values: number | readonly number[], shape?: Shape): Ref;
}

/** Results in order. Throws {@link notRaised} when this use has no counterpart in tfjs. */
export type Raise<A extends Attributes> = (use: OperatorUse<A>, to: TensorFlowNodes) => readonly Ref[];

/** Why one use of an operator cannot be written as nodes that tfjs executes. */
export const notRaised = (reason: string): FlotillaError => new FlotillaError("UNSUPPORTED_OPERATOR", reason);

/** Integers of every width that int32 holds are int32 in tfjs; float16 is only stored. */
const held: Partial<Readonly<Record<DType, TensorFlowDType>>> = {
  float32: "float32",
  float16: "float32",
  int32: "int32",
  int64: "int32",
  int16: "int32",
  uint16: "int32",
  int8: "int32",
  uint8: "int32",
  bool: "bool",
};

/** The dtype in which tfjs holds values of a dtype of the graph; undefined for those that it cannot. */
export const tensorFlowDTypeOf = (dtype: DType): TensorFlowDType | undefined => held[dtype];
