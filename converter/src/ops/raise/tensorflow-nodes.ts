/**
 * What an operator's `raise` facet writes with: nodes of a TensorFlow GraphDef, of the kinds and in the forms that
 * tfjs-converter 4.22 executes (its `operations/op_list`). Values are NHWC, filters HWIO. Knows nothing of files.
 */
import type { Attributes, Constant, Shape } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";

/** A tensor of the TensorFlow graph: `node` or `node:1`. */
export type Ref = string & { readonly __ref: never };

/** dtypes that tfjs has; int64 is written as int32. */
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

export interface TensorFlowNodes {
  /** The operand as a tensor; a constant becomes a weight of the file when it is first asked for. */
  operand(index: number): Ref;
  /** A node with one result. Its name is made from the operator's. */
  node(op: string, inputs: readonly Ref[], attributes?: TensorFlowAttributes): Ref;
  /** A node with several results. */
  nodes(op: string, inputs: readonly Ref[], attributes: TensorFlowAttributes, results: number): readonly Ref[];
  /** A constant of the operator's own: its operand in another arrangement, or a number. */
  constant(dtype: TensorFlowDType, shape: Shape, values: Constant | readonly number[]): Ref;
}

/** Results in order. Throws UNSUPPORTED_OPERATOR with the reason when this use has no counterpart in tfjs. */
export type Raise<A extends Attributes> = (use: OperatorUse<A>, to: TensorFlowNodes) => readonly Ref[];
