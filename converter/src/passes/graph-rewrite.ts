/**
 * A graph under rewriting: producers, consumers and positions are kept up to date with every edit, so a pass over n nodes
 * costs about n steps. Tensor ids of graph inputs and outputs never change: signatures hold them.
 * New nodes take the place of a node they replace, so order holds as long as they use what that node could use.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Constant, DType, Graph, Node, Shape, Tensor, TensorId } from "../ir/graph.ts";
import { bytesOf } from "../ir/values.ts";

type NewTensor = Omit<Tensor, "id">;

export class GraphRewrite {
  readonly #source: Graph;
  readonly #tensors: Map<TensorId, Tensor>;
  /** Where each live node stands: the slot of the original node it stands for. */
  readonly #slots: Node[][];
  readonly #slotOf = new Map<Node, number>();
  readonly #producers = new Map<TensorId, Node>();
  readonly #consumers = new Map<TensorId, Set<Node>>();
  readonly #outputs: ReadonlySet<TensorId>;
  readonly #inputs: ReadonlySet<TensorId>;
  #nextId = 0;
  #changed = false;

  constructor(graph: Graph) {
    this.#source = graph;
    this.#tensors = new Map(graph.tensors);
    this.#slots = graph.nodes.map((node) => [node]);
    this.#outputs = new Set(graph.outputs);
    this.#inputs = new Set(graph.inputs);
    for (const id of graph.tensors.keys()) this.#nextId = Math.max(this.#nextId, id + 1);
    for (const [slot, node] of graph.nodes.entries()) this.#link(node, slot);
  }

  get changed(): boolean {
    return this.#changed;
  }

  /** The nodes in order. Edits behind the current node are seen, what is put in its own place is not visited. */
  *nodes(): IterableIterator<Node> {
    for (const slot of this.#slots) for (const node of [...slot]) if (this.#slotOf.has(node)) yield node;
  }

  tensor(id: TensorId): Tensor {
    const tensor = this.#tensors.get(id);
    if (!tensor) throw new FlotillaError("GRAPH_INVALID", `"${this.#source.name}" has no tensor ${id}.`);
    return tensor;
  }

  get tensors(): ReadonlyMap<TensorId, Tensor> {
    return this.#tensors;
  }

  shapeOf(id: TensorId): Shape {
    return this.tensor(id).shape;
  }

  isOutput(id: TensorId): boolean {
    return this.#outputs.has(id);
  }

  get inputs(): readonly TensorId[] {
    return this.#source.inputs;
  }

  isInput(id: TensorId): boolean {
    return this.#inputs.has(id);
  }

  producerOf(id: TensorId | null | undefined): Node | undefined {
    return id === null || id === undefined ? undefined : this.#producers.get(id);
  }

  consumersOf(id: TensorId): readonly Node[] {
    return [...(this.#consumers.get(id) ?? [])];
  }

  /** The node that makes this value, if `consumer` is all that uses it. */
  soleProducerOf(id: TensorId | null | undefined, consumer: Node): Node | undefined {
    if (id === null || id === undefined || this.isOutput(id)) return undefined;
    const consumers = this.#consumers.get(id);
    return consumers?.size === 1 && consumers.has(consumer) ? this.#producers.get(id) : undefined;
  }

  addTensor(tensor: NewTensor): TensorId {
    const id = this.#nextId++ as TensorId; // the one place where ids are made
    this.#tensors.set(id, Object.freeze({ ...tensor, id }));
    return id;
  }

  addConstant(name: string, dtype: DType, shape: Shape, constant: Constant): TensorId {
    return this.addTensor({ name, dtype, shape, constant });
  }

  /** A constant from numbers, each rounded once to `dtype`. */
  addValues(name: string, dtype: DType, shape: Shape, values: ArrayLike<number>): TensorId {
    const bytes = bytesOf(dtype, values);
    return this.addConstant(name, dtype, shape, { byteLength: bytes.byteLength, bytes: () => bytes });
  }

  /** Replaces facts about a tensor, keeping its id. */
  setTensor(id: TensorId, change: Partial<NewTensor>): void {
    this.#changed = true;
    this.#tensors.set(id, Object.freeze({ ...this.tensor(id), ...change, id }));
  }

  /** Puts nodes in the place of `old`. What `old` made must be made by one of them, or be used no more. */
  replace(old: Node, ...nodes: readonly Node[]): void {
    const slot = this.#slotOf.get(old);
    const list = slot === undefined ? undefined : this.#slots[slot];
    if (slot === undefined || !list) {
      throw new FlotillaError("GRAPH_INVALID", `Node "${old.name}" (${old.kind}) is not in the graph.`);
    }
    this.#changed = true;
    this.#unlink(old);
    const frozen = nodes.map((node) => Object.freeze(node));
    list.splice(list.indexOf(old), 1, ...frozen);
    for (const node of frozen) this.#link(node, slot);
  }

  /** Takes a node out; its results must be used no more. */
  remove(node: Node): void {
    this.replace(node);
  }

  /** Every use of `from` by a node becomes a use of `to`. */
  redirect(from: TensorId, to: TensorId): void {
    for (const consumer of this.consumersOf(from)) {
      this.replace(consumer, { ...consumer, inputs: consumer.inputs.map((id) => (id === from ? to : id)) });
    }
  }

  /**
   * Takes out a node whose only result equals its operand `value`, whatever uses either.
   * Returns false, having done nothing, where a graph output would lose its own tensor: it stays then.
   */
  bypass(node: Node, value: TensorId): boolean {
    const [result] = node.outputs;
    if (result === undefined || node.outputs.length !== 1) return false;
    if (!this.isOutput(result)) {
      this.redirect(result, value);
      this.remove(node);
      return true;
    }
    const producer = this.#producers.get(value);
    if (!producer || this.isOutput(value) || this.isInput(value)) return false;
    // The output keeps its tensor: the node before makes it now, and all uses of the value follow.
    this.remove(node);
    this.redirect(value, result);
    const outputs = producer.outputs.map((id) => (id === value ? result : id));
    this.replace(producer, { ...producer, outputs });
    return true;
  }

  /** Freezes what has become of the graph; the source itself when nothing was edited. */
  finish(): Graph {
    if (!this.#changed) return this.#source;
    return Object.freeze({
      name: this.#source.name,
      tensors: this.#tensors,
      nodes: Object.freeze(this.#slots.flat()),
      inputs: this.#source.inputs,
      outputs: this.#source.outputs,
    });
  }

  /** Forgets tensors; for the pass that clears away what nothing uses. */
  dropTensor(id: TensorId): void {
    this.#changed = true;
    this.#tensors.delete(id);
  }

  #link(node: Node, slot: number): void {
    this.#slotOf.set(node, slot);
    for (const id of node.outputs) this.#producers.set(id, node);
    for (const id of node.inputs) {
      if (id === null) continue;
      const consumers = this.#consumers.get(id);
      if (consumers) consumers.add(node);
      else this.#consumers.set(id, new Set([node]));
    }
  }

  #unlink(node: Node): void {
    this.#slotOf.delete(node);
    for (const id of node.outputs) if (this.#producers.get(id) === node) this.#producers.delete(id);
    for (const id of node.inputs) if (id !== null) this.#consumers.get(id)?.delete(node);
  }
}
