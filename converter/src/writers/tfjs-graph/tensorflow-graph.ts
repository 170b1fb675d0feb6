/** A TensorFlow graph as data: what raising gives, fusing rewrites and encoding writes. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Constant, Shape, TensorId } from "../../ir/graph.ts";
import type { Ref, TensorFlowAttributes, TensorFlowDType } from "../../ops/raise/tensorflow-nodes.ts";

export interface TensorFlowNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  readonly attributes: TensorFlowAttributes;
}

/** A Const node's value. */
export interface TensorFlowWeight {
  readonly name: string;
  readonly dtype: TensorFlowDType;
  readonly shape: Shape;
  /** In `dtype`, little-endian. */
  readonly constant: Constant;
  /** Stored as it is in every recipe. */
  readonly exact?: boolean;
}

/** An input or output: the name users know, and the tensor. */
export interface TensorFlowEnd {
  readonly key: string;
  /** In the graph that was raised. */
  readonly id: TensorId;
  readonly tensor: Ref;
  readonly dtype: TensorFlowDType;
  readonly shape: Shape;
}

export interface TensorFlowGraph {
  /** Placeholders first, then in an order in which every tensor is made before it is used. Without Const nodes. */
  readonly nodes: readonly TensorFlowNode[];
  readonly weights: readonly TensorFlowWeight[];
  readonly inputs: readonly TensorFlowEnd[];
  readonly outputs: readonly TensorFlowEnd[];
}

/** The first result of a node is known by the node's name alone. */
export const refTo = (node: string, port = 0): Ref => (port === 0 ? node : `${node}:${port}`) as Ref; // the only maker of refs

export const nodeOf = (ref: Ref): string => ref.split(":", 1)[0] ?? "";

/** Names that TensorFlow allows, each given out once. */
export class NodeNames {
  readonly #taken = new Set<string>();

  /** `wanted` with what TensorFlow does not allow replaced, and a number where it is taken. */
  take(wanted: string): string {
    const plain = wanted.replaceAll(/[^A-Za-z0-9_.\-/]/g, "_").replace(/^[^A-Za-z0-9.]+/, "");
    const base = plain === "" ? "node" : plain.slice(0, longestName);
    let name = base;
    for (let i = 1; this.#taken.has(name); i++) name = `${base}_${i}`;
    this.#taken.add(name);
    return name;
  }
}

/** Names of merged layers are joined by converters and grow to kilobytes. */
const longestName = 200;

export function mustHave<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new FlotillaError("GRAPH_INVALID", `The TensorFlow graph has no ${what}.`);
  return value;
}
