/**
 * What the converter knows about one TFLite operator, as data and pure functions: one `defineOp` per file in this folder.
 * Passes, quantizer, planners and writers dispatch on these facets and never name an operator themselves.
 * A facet that does not exist is `unsupported("reason")`, so that gaps show in docs/ops.md.
 * Sources: LiteRT's quantization spec, `schema.fbs`, `op_version.cc` (numbers in each operator's file).
 */
import type { Attributes, DType, Node, Quantization, Shape, TensorId } from "../ir/graph.ts";

/** A facet that an operator does not have, and why. */
export interface Unsupported {
  readonly unsupported: string;
}
export const unsupported = (reason: string): Unsupported => ({ unsupported: reason });
export const isUnsupported = (facet: unknown): facet is Unsupported =>
  typeof facet === "object" && facet !== null && "unsupported" in facet;

/** How an operand takes part in quantization. The order is that of the operator's inputs. */
export type OperandRole =
  /** A value computed at run time (or a constant standing in for one): per-tensor asymmetric int8. */
  | { readonly role: "activation"; readonly name: string; readonly optional?: boolean }
  /** Trained weights: symmetric int8, per channel along `channelAxis` (null: per tensor). */
  | { readonly role: "weight"; readonly name: string; readonly channelAxis: number | null; readonly optional?: boolean }
  /** int32 with scale = product of the scales of the operands named. */
  | {
      readonly role: "bias";
      readonly name: string;
      readonly of: readonly [string, string];
      readonly optional?: boolean;
    }
  /** Shapes, axes, paddings, indices: never quantized. */
  | { readonly role: "index"; readonly name: string; readonly optional?: boolean }
  /** As many activations as the node has from here on (CONCATENATION, PACK). */
  | { readonly role: "activations"; readonly name: string };

export const activation = (name: string, optional = false): OperandRole => ({ role: "activation", name, optional });
export const activations = (name: string): OperandRole => ({ role: "activations", name });
export const weight = (name: string, facts: { channelAxis: number | null }): OperandRole => ({
  role: "weight",
  name,
  ...facts,
});
export const bias = (name: string, facts: { of: readonly [string, string] }): OperandRole => ({
  role: "bias", name, of: facts.of, optional: true,
}); // biome-ignore format: short
export const index = (name: string, optional = false): OperandRole => ({ role: "index", name, optional });

/** What the scale of a result must be when the operator runs in int8. */
export type ResultRule =
  /** Its own, from calibration. */
  | { readonly rule: "free" }
  /** Equal scale and zero point with the operand named; "activations" means all of them. */
  | { readonly rule: "same-as"; readonly operand: string }
  /** Fixed by the kernel: [scale, zeroPoint] per dtype. */
  | { readonly rule: "fixed"; readonly int8: readonly [number, number] }
  /** Never quantized (indices, booleans). */
  | { readonly rule: "none" };

export const free: ResultRule = { rule: "free" };
export const sameAs = (operand: string): ResultRule => ({ rule: "same-as", operand });
export const fixed = (facts: { int8: readonly [number, number] }): ResultRule => ({ rule: "fixed", ...facts });
export const none: ResultRule = { rule: "none" };

/** What shape and dtype inference, evaluation and version rules see of an operand. `bytes` is there for constants. */
export interface OperandFacts {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly quantization?: Quantization;
  readonly bytes?: () => Uint8Array;
}
export interface ResultFacts {
  readonly dtype: DType;
  readonly shape: Shape;
}
export interface ConstantValue extends ResultFacts {
  readonly bytes: Uint8Array;
}

/** One use of an operator with the facts of its operands and results: what `version` and `macs` decide on. */
export interface OperatorUse<A extends Attributes = Attributes> {
  readonly attributes: A;
  readonly inputs: readonly (OperandFacts | null)[];
  readonly outputs: readonly OperandFacts[];
}

export interface OpDefinition<A extends Attributes = Attributes> {
  /** TFLite builtin operator name, e.g. "CONV_2D". */
  readonly kind: string;
  /** TFLite builtin operator code (schema.fbs). */
  readonly code: number;
  /** Name of its options table in the schema, e.g. "Conv2DOptions"; null where it has none. Read and write follow from it. */
  readonly options: string | null;
  /** Attributes with their defaults; also what a node must have. */
  readonly attributes: A;
  readonly operands: readonly OperandRole[];
  readonly results: readonly ResultRule[];
  /** True when `results[0]` stands for any number of results (SPLIT, UNPACK). */
  readonly manyResults?: boolean;
  /** Result shapes and dtypes. Throws GRAPH_INVALID on operands that cannot be. */
  readonly infer: (inputs: readonly (OperandFacts | null)[], attributes: A) => readonly ResultFacts[];
  /** Constant evaluation: pure, synchronous, results bounded by the caller. float32 in float32 arithmetic. */
  readonly evaluate:
    | ((inputs: readonly (ConstantValue | null)[], attributes: A) => readonly ConstantValue[])
    | Unsupported;
  /** Can its kernel run in int8? If not, it stays float between DEQUANTIZE and QUANTIZE, with this reason. */
  readonly int8: true | Unsupported;
  /** TFLite operator version (`op_version.cc`). */
  readonly version: (use: OperatorUse<A>) => number;
  /** Fused activations it can carry in `fusedActivationFunction`; empty when the operator has no such option. */
  readonly fusedActivations: readonly string[];
  /** If it IS an activation that others can fuse: the value of `fusedActivationFunction` for it. */
  readonly fusesAs?: string;
  /** Passes, identity: can it be dropped when its operand equals its result (QUANTIZE∘DEQUANTIZE, RESHAPE to same)? */
  readonly layout: { readonly layout: "any" | "nhwc" } | Unsupported;
  /** To a TFJS node; the TFJS writer's facet. */
  readonly raise: Unsupported;
  /** Multiply-accumulates of one run. */
  readonly macs: (use: OperatorUse<A>) => number;
  /** Lines for docs/ops.md. */
  readonly notes?: readonly string[];
}

/** A definition with typed access to its nodes. */
export interface Op<A extends Attributes = Attributes> extends OpDefinition<A> {
  /** A node of this operator; attributes left out take their defaults. */
  node(facts: {
    name: string;
    inputs: readonly (TensorId | null)[];
    outputs: readonly TensorId[];
    attributes?: Partial<A>;
  }): Node;
  /** The typed attributes of a node of this operator. */
  attributesOf(node: Node): A;
  is(node: Node | undefined): node is Node;
}

export function defineOp<A extends Attributes>(definition: OpDefinition<A>): Op<A> {
  return Object.freeze({
    ...definition,
    node: ({ name, inputs, outputs, attributes }: Parameters<Op<A>["node"]>[0]): Node => ({
      kind: definition.kind,
      name,
      inputs,
      outputs,
      attributes: { ...definition.attributes, ...attributes },
    }),
    attributesOf: (node: Node): A => ({ ...definition.attributes, ...node.attributes }) as A,
    is: (node: Node | undefined): node is Node => node?.kind === definition.kind,
  });
}
