/**
 * The graph: frozen tensors and nodes whose kinds are TFLite's builtin operators (or "CUSTOM").
 * A rewrite opens one draft with {@link editGraph}, edits it and freezes it at its end.
 * Knows nothing about what any operator means: that is in `ops/`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";

export type DType =
  | "float32"
  | "float16"
  | "int32"
  | "uint8"
  | "int64"
  | "string"
  | "bool"
  | "int16"
  | "complex64"
  | "int8"
  | "float64"
  | "uint32"
  | "uint16"
  | "int4"
  | "uint4"
  | "int2"
  | "uint64"
  | "bfloat16"
  | "float8e4m3fn"
  | "float8e5m2"
  | "complex128"
  /** A handle of a variable or a table that outlives the run: no bytes, no numbers. */
  | "resource";

/** Sizes per axis; -1 is a dynamic size. A scalar is `[]`. */
export type Shape = readonly number[];

export type TensorId = number & { readonly __tensorId: never };

/** Row-major little-endian bytes, read when asked for: a large model is never copied twice. */
export interface Constant {
  readonly byteLength: number;
  bytes(): Uint8Array;
}

/**
 * real = (q - zeroPoint) * scale (LiteRT quantization spec).
 * One scale: per tensor. Several: per channel along `axis`, as many as `shape[axis]`.
 * `scales` hold values that are exact in float32.
 */
export interface Quantization {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  readonly axis: number;
  /**
   * Every `size` values of a row (the last axis) have a scale of their own, in a float16 tensor of the graph, row after
   * row; `scales` and `zeroPoints` are empty then.
   */
  readonly blocks?: { readonly scales: TensorId; readonly size: number };
}

export interface Tensor {
  readonly id: TensorId;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly constant?: Constant;
  readonly quantization?: Quantization;
  /**
   * Of graph inputs and outputs whose axes stand in another order than in the source: axis i is the source's
   * `sourceAxes[i]` (NHWC of an NCHW source: [0, 2, 3, 1]).
   */
  readonly sourceAxes?: readonly number[];
  /** Keeps its value between runs (LSTM state). */
  readonly variable?: boolean;
}

/** What an operator's options may hold. Names are those of the TFLite schema in camelCase; enums are their schema names. */
export type AttributeValue = number | boolean | string | bigint | Uint8Array | readonly AttributeValue[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A use of one operator. `kind` is the TFLite builtin operator's name; a custom one is "CUSTOM" with its `customCode`. */
export interface Node {
  readonly kind: string;
  readonly name: string;
  readonly inputs: readonly (TensorId | null)[];
  readonly outputs: readonly TensorId[];
  readonly attributes: Attributes;
  /**
   * Values inside an integer LSTM, in the order of its kernel: tensors that nobody makes or uses, there for their
   * quantization alone (schema.fbs, Operator.intermediates).
   */
  readonly intermediates?: readonly TensorId[];
}

export interface Graph {
  readonly name: string;
  readonly tensors: ReadonlyMap<TensorId, Tensor>;
  /** In an order in which every tensor is made before it is used. */
  readonly nodes: readonly Node[];
  readonly inputs: readonly TensorId[];
  readonly outputs: readonly TensorId[];
}

export interface Signature {
  readonly key: string;
  readonly graph: number;
  /** User-facing name → tensor, in the order users see. */
  readonly inputs: readonly { readonly name: string; readonly tensor: TensorId }[];
  readonly outputs: readonly { readonly name: string; readonly tensor: TensorId }[];
}

/** One model: `graphs[0]` is the main one. */
export interface Model {
  readonly description: string;
  readonly graphs: readonly Graph[];
  readonly signatures: readonly Signature[];
  /** Named byte blobs carried through the file (e.g. TFLITE_METADATA). */
  readonly metadata: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Files that ride behind a `.tflite` file, by name: labels and vocabularies that its metadata names. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

const bitsOf: Readonly<Record<DType, number>> = {
  float32: 32, float16: 16, int32: 32, uint8: 8, int64: 64, string: 8, bool: 8, int16: 16,
  complex64: 64, int8: 8, float64: 64, uint32: 32, uint16: 16, int4: 4, uint4: 4, int2: 2, uint64: 64,
  bfloat16: 16, float8e4m3fn: 8, float8e5m2: 8, complex128: 128, resource: 0,
}; // biome-ignore format: a table

export const elementCount = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** Bytes that a tensor of this dtype and shape takes; int4 packs two to a byte, int2 four. */
export const byteSize = (dtype: DType, shape: Shape): number => Math.ceil((elementCount(shape) * bitsOf[dtype]) / 8);

/** A constant over bytes that are already in memory. */
export const constantOf = (bytes: Uint8Array): Constant => ({ byteLength: bytes.byteLength, bytes: () => bytes });

export function tensorOf(graph: Graph, id: TensorId): Tensor {
  const tensor = graph.tensors.get(id);
  if (!tensor) throw new FlotillaError("GRAPH_INVALID", `Graph "${graph.name}" has no tensor ${id}.`);
  return tensor;
}

/** A graph being edited. Only a pass or a reader holds one, for as long as it runs. */
export class GraphDraft {
  name: string;
  readonly tensors: Map<TensorId, Tensor>;
  nodes: Node[];
  inputs: TensorId[];
  outputs: TensorId[];
  #nextId: number;

  constructor(graph?: Graph) {
    this.name = graph?.name ?? "main";
    this.tensors = new Map(graph?.tensors);
    this.nodes = [...(graph?.nodes ?? [])];
    this.inputs = [...(graph?.inputs ?? [])];
    this.outputs = [...(graph?.outputs ?? [])];
    this.#nextId = 0;
    for (const id of this.tensors.keys()) this.#nextId = Math.max(this.#nextId, id + 1);
  }

  tensor(id: TensorId): Tensor {
    const tensor = this.tensors.get(id);
    if (!tensor) throw new FlotillaError("GRAPH_INVALID", `The draft of "${this.name}" has no tensor ${id}.`);
    return tensor;
  }

  addTensor(tensor: Omit<Tensor, "id">): TensorId {
    const id = this.#nextId++ as TensorId;
    this.tensors.set(id, Object.freeze({ ...tensor, id }));
    return id;
  }

  addConstant(name: string, dtype: DType, shape: Shape, bytes: Uint8Array, quantization?: Quantization): TensorId {
    const base = { name, dtype, shape, constant: constantOf(bytes) };
    return this.addTensor(quantization ? { ...base, quantization } : base);
  }

  /** Replaces facts about a tensor, keeping its id. */
  setTensor(id: TensorId, change: Partial<Omit<Tensor, "id">>): void {
    this.tensors.set(id, Object.freeze({ ...this.tensor(id), ...change, id }));
  }

  /** Appends a node, or puts it in front of or behind another. */
  addNode(node: Node, place?: { before: Node } | { after: Node }): Node {
    const frozen = Object.freeze({ ...node });
    if (!place) this.nodes.push(frozen);
    else if ("before" in place) this.nodes.splice(this.#indexOf(place.before), 0, frozen);
    else this.nodes.splice(this.#indexOf(place.after) + 1, 0, frozen);
    return frozen;
  }

  /** Puts a changed node in an old one's place. */
  replaceNode(old: Node, node: Node): Node {
    const frozen = Object.freeze({ ...node });
    this.nodes[this.#indexOf(old)] = frozen;
    return frozen;
  }

  removeNode(node: Node): void {
    this.nodes.splice(this.#indexOf(node), 1);
  }

  /** Every use of `from`, graph outputs included, becomes a use of `to`. */
  replaceUses(from: TensorId, to: TensorId): void {
    this.nodes = this.nodes.map((node) =>
      node.inputs.includes(from)
        ? Object.freeze({ ...node, inputs: node.inputs.map((id) => (id === from ? to : id)) })
        : node,
    );
    this.outputs = this.outputs.map((id) => (id === from ? to : id));
  }

  producerOf(id: TensorId): Node | undefined {
    return this.nodes.find((node) => node.outputs.includes(id));
  }

  consumersOf(id: TensorId): Node[] {
    return this.nodes.filter((node) => node.inputs.includes(id));
  }

  #indexOf(node: Node): number {
    const index = this.nodes.indexOf(node);
    if (index < 0) throw new FlotillaError("GRAPH_INVALID", `Node "${node.name}" (${node.kind}) is not in the draft.`);
    return index;
  }

  freeze(): Graph {
    return Object.freeze({
      name: this.name,
      tensors: new Map(this.tensors),
      nodes: Object.freeze([...this.nodes]),
      inputs: Object.freeze([...this.inputs]),
      outputs: Object.freeze([...this.outputs]),
    });
  }
}

/** Opens a draft of `graph`, hands it to `edit`, and freezes the result. */
export function editGraph(graph: Graph, edit: (draft: GraphDraft) => void): Graph {
  const draft = new GraphDraft(graph);
  edit(draft);
  return draft.freeze();
}

/** Producer and consumers of every tensor, worked out once for a frozen graph. */
export interface GraphIndex {
  producer(id: TensorId): Node | undefined;
  consumers(id: TensorId): readonly Node[];
}

export function indexGraph(graph: Graph): GraphIndex {
  const producers = new Map<TensorId, Node>();
  const consumers = new Map<TensorId, Node[]>();
  for (const node of graph.nodes) {
    for (const id of node.outputs) producers.set(id, node);
    for (const id of new Set(node.inputs)) {
      if (id === null) continue;
      const list = consumers.get(id);
      if (list) list.push(node);
      else consumers.set(id, [node]);
    }
  }
  return { producer: (id) => producers.get(id), consumers: (id) => consumers.get(id) ?? [] };
}
