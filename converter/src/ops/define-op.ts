/**
 * What the converter knows about one TFLite operator, as data and pure functions: one `defineOp` per file in this folder.
 * Passes, quantizer, planners and writers dispatch on these facets and never name an operator themselves.
 * A facet that does not exist is `unsupported("reason")`, so that gaps show in docs/ops.md.
 * Sources: LiteRT's quantization spec, `schema.fbs`, `op_version.cc` (numbers in each operator's file).
 */
import type { OptionsName } from "@flotilla/protocol/tflite/options";
import type { Attributes, DType, Node, Quantization, Shape, TensorId } from "../ir/graph.ts";
import { isBarrier, type LayoutEnd, type LayoutRule, type Order } from "./layout/layout-rule.ts";
import type { Raise, TensorFlowNodes } from "./raise/tensorflow-nodes.ts";

/** A facet that an operator does not have, and why. */
export interface Unsupported {
  readonly unsupported: string;
}
export const unsupported = (reason: string): Unsupported => ({ unsupported: reason });
export const isUnsupported = (facet: unknown): facet is Unsupported =>
  typeof facet === "object" && facet !== null && "unsupported" in facet;

/** How an operand takes part in quantization. The order is that of the operator's inputs. */
export type OperandRole =
  /**
   * A value computed at run time (or a constant standing in for one): per-tensor asymmetric int8. `asWeight`: a constant
   * here is a table of trained numbers, which recipes that narrow weights take.
   */
  | {
      readonly role: "activation";
      readonly name: string;
      readonly optional?: boolean;
      readonly asWeight?: { readonly channelAxis: number | null };
    }
  /** Trained weights: symmetric int8, per channel along `channelAxis` (null: per tensor). */
  | { readonly role: "weight"; readonly name: string; readonly channelAxis: number | null; readonly optional?: boolean }
  /** int32 with scale = product of the scales of the operands named. `inFile`: the kernel refuses a file without it. */
  | {
      readonly role: "bias";
      readonly name: string;
      readonly of: readonly [string, string];
      readonly optional?: boolean;
      readonly inFile?: boolean;
    }
  /** Shapes, axes, paddings, indices: never quantized. */
  | { readonly role: "index"; readonly name: string; readonly optional?: boolean }
  /** As many activations as the node has from here on (CONCATENATION, PACK). */
  | { readonly role: "activations"; readonly name: string };

export const activation = (name: string, optional = false): OperandRole => ({ role: "activation", name, optional });
/** An activation at whose place models have trained constants, too. */
export const activationOrWeight = (name: string, asWeight: { channelAxis: number | null }): OperandRole => ({
  role: "activation",
  name,
  asWeight,
});
export const activations = (name: string): OperandRole => ({ role: "activations", name });
export const weight = (name: string, facts: { channelAxis: number | null; optional?: boolean }): OperandRole => ({
  role: "weight",
  name,
  ...facts,
});
export const bias = (name: string, facts: { of: readonly [string, string]; inFile?: boolean }): OperandRole => ({
  role: "bias",
  name,
  optional: true,
  ...facts,
});
export const index = (name: string, optional = false): OperandRole => ({ role: "index", name, optional });

/** What the scale of a result must be when the operator runs in int8. */
export type ResultRule =
  /** Its own, from calibration. */
  | { readonly rule: "free" }
  /** Equal scale and zero point with the operand named; "activations": with all activation operands, and they with each other. */
  | { readonly rule: "same-as"; readonly operand: string }
  /** Fixed by the kernel: [scale, zeroPoint] per dtype. */
  | { readonly rule: "fixed"; readonly int8: readonly [number, number]; readonly int16?: readonly [number, number] }
  /** Never quantized (indices, booleans). */
  | { readonly rule: "none" };

export const free: ResultRule = { rule: "free" };
export const sameAs = (operand: string): ResultRule => ({ rule: "same-as", operand });
export const fixed = (facts: { int8: readonly [number, number]; int16?: readonly [number, number] }): ResultRule => ({
  rule: "fixed",
  ...facts,
});
export const none: ResultRule = { rule: "none" };

/** A kernel that takes integer weights beside float values, which it quantizes as it runs. */
export interface HybridKernel<A extends Attributes = Attributes> {
  /** The operands that become integers: all of them or none. */
  readonly weights: readonly string[];
  /** Does it take a scale for each channel? */
  readonly perChannel: boolean;
  /** Does it take int4, and a scale for each block of a row? */
  readonly int4?: { readonly blocks: boolean };
  /** What such a node has in its options. */
  readonly attributes?: Partial<A>;
}

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
  readonly quantization?: Quantization;
}
export type Operands = readonly (OperandFacts | null)[];

/** One use of an operator with the facts of its operands and results: what `version` and `macs` decide on. */
export interface OperatorUse<A extends Attributes = Attributes> {
  readonly attributes: A;
  readonly inputs: Operands;
  readonly outputs: readonly OperandFacts[];
}

/** Facets that look at attributes, and so have another parameter type inside an operator's file than outside. */
interface Rules<A extends Attributes> {
  /**
   * Result shapes and dtypes; -1 for a size that only the run tells. Throws GRAPH_INVALID on operands that cannot be.
   * `stored` is what the graph says of the results: for the few operators whose kernel goes by it (CAST, QUANTIZE, CUSTOM).
   */
  readonly infer: (inputs: Operands, attributes: A, stored?: readonly ResultFacts[]) => readonly ResultFacts[];
  /**
   * Constant evaluation: pure, synchronous, results bounded by the caller. float32 in float32 arithmetic.
   * Null when it does not evaluate operands of these dtypes.
   */
  readonly evaluate:
    | ((inputs: readonly (ConstantValue | null)[], attributes: A) => readonly ConstantValue[] | null)
    | Unsupported;
  /** What it becomes when an operand or a result is stored with its axes in another order; or a barrier to that. */
  readonly layout: LayoutRule<A>;
  /** How tfjs executes it: the TensorFlow nodes that do the same. */
  readonly raise: Raise<A> | Unsupported;
  /** TFLite operator version (`op_version.cc`). */
  readonly version: (use: OperatorUse<A>) => number;
  /** Multiply-accumulates of one run; 0 where there are none worth counting. */
  readonly macs: (use: OperatorUse<A>) => number;
}

interface Facts<A extends Attributes> {
  /** TFLite builtin operator name, e.g. "CONV_2D". */
  readonly kind: string;
  /** TFLite builtin operator code (schema.fbs); -1 for what exists only in imported graphs. */
  readonly code: number;
  /** Name of its options table in the schema; null where it has none. Reading and writing follow from it. */
  readonly options: OptionsName | null;
  /** Attributes with their defaults: the fields of the options table. A node has all of them. */
  readonly attributes: A;
  readonly operands: readonly OperandRole[];
  readonly results: readonly ResultRule[];
  /** True when `results[0]` stands for any number of results (SPLIT, UNPACK). */
  readonly manyResults?: boolean;
  /**
   * It reads or changes what outlives the run (variables, tables). A model that has one is carried as it stands: no pass
   * removes, merges or moves anything in it.
   */
  readonly effect?: true;
  /** Can its kernel run in int8? If not, it stays float between DEQUANTIZE and QUANTIZE, with this reason. */
  readonly int8: true | Unsupported;
  /** Has it a kernel for int16 values (with int8 weights, where it has weights), with what in its options? Left out: none. */
  readonly int16?: { readonly attributes?: Partial<A> } | Unsupported;
  /** Has it one for integer weights beside float values? */
  readonly hybrid?: HybridKernel<A>;
  /** True for operators that change the number format itself, and so have integers although `int8` is unsupported. */
  readonly border?: boolean;
  /** The first TensorFlow runtime that has each version (`runtime_version.cc`); the versions that `version` can give. */
  readonly minRuntime: Readonly<Record<number, string>>;
  /** Fused activations it can carry in `fusedActivationFunction`; empty when the operator has no such option. */
  readonly fusedActivations: readonly string[];
  /** If it IS an activation that others can fuse: the value of `fusedActivationFunction` for it. */
  readonly fusesAs?: string;
  /**
   * Of operators with weights: what one result element multiplies them with. "row": a row of the first operand; "window":
   * the part of it under the filter, by the operator's strides, dilations and padding.
   */
  readonly reach?: "row" | "window";
  /** Lines for docs/ops.md. */
  readonly notes?: readonly string[];
}

export interface OpDefinition<A extends Attributes = Attributes> extends Facts<A>, Rules<A> {}

/** A node that is known to be of one operator. The brand exists for the compiler only: a node that is not one stays a Node. */
export type NodeOf<A extends Attributes> = Node & { readonly attributes: A; readonly __op: never };

/** A definition with typed access to its nodes. Its rules take the attributes of any node, defaults filled in. */
export interface Op<A extends Attributes = Attributes> extends Facts<A>, Rules<Attributes> {
  /** A node of this operator; attributes left out take their defaults. Fractions are rounded to float32, as in the file. */
  node(facts: {
    name: string;
    inputs: readonly (TensorId | null)[];
    outputs: readonly TensorId[];
    attributes?: Partial<A>;
  }): Node;
  /** The typed attributes of a node of this operator. */
  attributesOf(node: Node): A;
  is(node: Node | undefined): node is NodeOf<A>;
}

export function defineOp<A extends Attributes>(definition: OpDefinition<A>): Op<A> {
  const { infer, evaluate, layout, raise, version, macs } = definition;
  const complete = (attributes: Partial<Attributes>): A => ({ ...definition.attributes, ...attributes }) as A; // nodes are made by `node` or checked by the reader
  return Object.freeze({
    ...definition,
    infer: (inputs: Operands, attributes: Attributes, stored?: readonly ResultFacts[]) =>
      infer(inputs, complete(attributes), stored),
    evaluate: isUnsupported(evaluate)
      ? evaluate
      : (inputs: readonly (ConstantValue | null)[], attributes: Attributes) => evaluate(inputs, complete(attributes)),
    layout: isBarrier(layout)
      ? layout
      : (use: OperatorUse, end: LayoutEnd, order: Order) =>
          layout({ ...use, attributes: complete(use.attributes) }, end, order),
    raise: isUnsupported(raise)
      ? raise
      : (use: OperatorUse, to: TensorFlowNodes) => raise({ ...use, attributes: complete(use.attributes) }, to),
    version: (use: OperatorUse) => version({ ...use, attributes: complete(use.attributes) }),
    macs: (use: OperatorUse) => macs({ ...use, attributes: complete(use.attributes) }),
    node: ({ name, inputs, outputs, attributes = {} }: Parameters<Op<A>["node"]>[0]): Node =>
      Object.freeze({ kind: definition.kind, name, inputs, outputs, attributes: asStored(complete(attributes)) }),
    attributesOf: (node: Node): A => complete(node.attributes),
    is: (node: Node | undefined): node is NodeOf<A> => node?.kind === definition.kind,
  });
}

/** Options tables hold fractions only as float32. */
function asStored(attributes: Attributes): Attributes {
  return Object.freeze(
    Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [
        name,
        typeof value === "number" && !Number.isInteger(value) ? Math.fround(value) : value,
      ]),
    ),
  );
}
