/**
 * TensorFlow graphs as all containers give them: nodes with typed attributes and inputs by node and port, and library functions.
 * Rules: tensorflow `core/framework/{graph,node_def,attr_value,function}.proto`.
 * Knows nothing about what any operator means.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Constant, Shape } from "../../ir/graph.ts";

/** A TensorFlow dtype by its name in `types.proto`, e.g. "DT_FLOAT". */
export type TfType = string;

/**
 * A constant. Values lie in the dtype that the graph will have: float32 for every float, int32 for every integer, bool;
 * strings as text; neither for other types, and where a container keeps no values.
 */
export interface TfTensor {
  readonly type: TfType;
  readonly shape: Shape;
  readonly constant?: Constant;
  readonly strings?: readonly string[];
}

/** What attributes hold, by kind. */
export interface TfAttrValues {
  readonly string: string;
  readonly int: number;
  readonly float: number;
  readonly bool: boolean;
  readonly type: TfType;
  /** -1 is an unknown size, null an unknown rank. */
  readonly shape: Shape | null;
  readonly tensor: TfTensor;
  /** The name of a library function. */
  readonly func: string;
  /** In functions: the caller's attribute of that name. */
  readonly placeholder: string;
  readonly list: readonly TfAttr[];
}
export type TfAttrKind = keyof TfAttrValues;
export type TfAttr = { readonly [K in TfAttrKind]: { readonly kind: K; readonly value: TfAttrValues[K] } }[TfAttrKind];

/** One result of a node. */
export interface TfOutput {
  readonly node: string;
  readonly port: number;
}

export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly TfOutput[];
  /** Nodes that must run first. */
  readonly controls: readonly string[];
  readonly attrs: ReadonlyMap<string, TfAttr>;
}

/** Parameters are nodes of the operator `_Arg` in the body, in order. */
export interface TfFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly nodes: ReadonlyMap<string, TfNode>;
  readonly results: readonly TfOutput[];
}

/** A library of functions by name. */
export interface TfFunctions {
  /** @throws FORMAT_CORRUPT, FORMAT_LIMIT for functions that cannot be */
  get(name: string): TfFunction | undefined;
}

export interface TfGraph {
  /** By name, in the file's order. */
  readonly nodes: ReadonlyMap<string, TfNode>;
  readonly functions: TfFunctions;
}

/** The operator of a function's parameter. */
export const parameterOp = "_Arg";

export const refOf = ({ node, port }: TfOutput): string => `${node}:${port}`;

/** `node`, `node:port`. @throws FORMAT_CORRUPT */
export function parseRef(text: string): TfOutput {
  const [, node, port = "0"] = /^([^:]+)(?::(\d{1,6}))?$/.exec(text) ?? [];
  if (node === undefined) throw corrupt(`"${text.slice(0, 200)}" is not the name of a tensor`);
  return { node, port: Number(port) };
}

/** The attribute of this kind, or undefined. */
export function attrOf<K extends TfAttrKind>({ attrs }: TfNode, name: string, kind: K): TfAttrValues[K] | undefined {
  const found = attrs.get(name);
  return found && isOfKind(found, kind) ? found.value : undefined;
}

export const isOfKind = <K extends TfAttrKind>(
  attr: TfAttr,
  kind: K,
): attr is TfAttr & { readonly kind: K; readonly value: TfAttrValues[K] } => attr.kind === kind;

export const corrupt = (problem: string, details: Readonly<Record<string, unknown>> = {}): FlotillaError =>
  new FlotillaError("FORMAT_CORRUPT", `The graph cannot be read: ${problem}.`, { details });

export const tooLarge = (problem: string): FlotillaError => new FlotillaError("FORMAT_LIMIT", `The graph: ${problem}.`);
