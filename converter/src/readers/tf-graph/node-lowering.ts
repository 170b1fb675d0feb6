/**
 * One TensorFlow node being lowered: its attributes, its inputs as tensors of the graph, and a builder that names what it
 * adds after the node. What only the run would tell about sizes is refused here, once for all operators.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Attributes, type DType, elementCount, type Shape, type TensorId } from "../../ir/graph.ts";
import type { Op, ResultFacts } from "../../ops/define-op.ts";
import type { GraphBuilder } from "../lowering/graph-builder.ts";
import { attrOf, isOfKind, type TfAttrKind, type TfAttrValues, type TfNode } from "./graph.ts";
import { NodeRefusal } from "./lower/tf-lowering.ts";

/** No runtime here holds more in one tensor. */
const maxElements = 2 ** 31 - 1;
const maxRank = 16;

/** Lowers the body of a library function with these arguments. Throws {@link NodeRefusal}. */
export type CallFunction = (name: string, inputs: readonly TensorId[], scope: string) => readonly TensorId[];

/** Elements of a list; null for one that was never set. */
export type TensorList = readonly (TensorId | null)[];

export class NodeLowering {
  readonly node: TfNode;
  readonly inputs: readonly TensorId[];
  readonly builder: GraphBuilder;
  /** Lists by the constants that stand for them: `lower/tensor-lists.ts`. */
  readonly lists: Map<TensorId, TensorList>;
  readonly #call: CallFunction;

  constructor(
    node: TfNode,
    inputs: readonly TensorId[],
    { builder, lists, call }: { builder: GraphBuilder; lists: Map<TensorId, TensorList>; call: CallFunction },
  ) {
    this.node = node;
    this.inputs = inputs;
    this.builder = builder;
    this.lists = lists;
    this.#call = call;
  }

  /** The results of a library function for these arguments, its nodes added here. */
  callFunction(name: string, inputs: readonly TensorId[], role = ""): readonly TensorId[] {
    return this.#call(name, inputs, this.#label(role));
  }

  get name(): string {
    return this.node.name;
  }

  get op(): string {
    return this.node.op;
  }

  /** The input at `place`, which must be there. */
  input(place: number): TensorId {
    const input = this.inputs[place];
    if (input !== undefined) return input;
    throw this.fault(`it has ${this.inputs.length} inputs and needs ${place + 1}`);
  }

  shapeOf(id: TensorId): Shape {
    return this.builder.shapeOf(id);
  }

  rankOf(id: TensorId): number {
    return this.builder.shapeOf(id).length;
  }

  dtypeOf(id: TensorId): DType {
    return this.builder.dtypeOf(id);
  }

  /** The shape of the input at `place`, which must have this rank. */
  shapeOfRank(id: TensorId, rank: number): Shape {
    const shape = this.shapeOf(id);
    if (shape.length === rank) return shape;
    throw this.fault(`an input must have ${rank} axes and has the shape [${shape.join(", ")}]`);
  }

  /** The integers of an input that says what is done and must be known now; a scalar gives one. */
  integers(place: number, what: string): readonly number[] {
    const values = this.builder.valuesOf(this.input(place));
    if (values) return values;
    throw new NodeRefusal(`its ${what} is known only when the model runs`);
  }

  /** The one integer of such an input. */
  integer(place: number, what: string): number {
    const [value, ...more] = this.integers(place, what);
    if (value !== undefined && more.length === 0) return value;
    throw this.fault(`its ${what} is not one number`);
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const front = axis < 0 ? axis + rank : axis;
    if (Number.isInteger(axis) && front >= 0 && front < rank) return front;
    throw this.fault(`there is no axis ${axis} in rank ${rank}`);
  }

  boolAttr(name: string, fallback = false): boolean {
    return this.#attr(name, "bool") ?? fallback;
  }

  intAttr(name: string, fallback: number): number {
    return this.#attr(name, "int") ?? fallback;
  }

  floatAttr(name: string, fallback: number): number {
    return this.#attr(name, "float") ?? fallback;
  }

  stringAttr(name: string, fallback: string): string {
    return this.#attr(name, "string") ?? fallback;
  }

  typeAttr(name: string, fallback: string): string {
    return this.#attr(name, "type") ?? fallback;
  }

  /** A list of integers; undefined when it is not there. */
  intsAttr(name: string): readonly number[] | undefined {
    return this.#list(name, "int");
  }

  stringsAttr(name: string): readonly string[] | undefined {
    return this.#list(name, "string");
  }

  #attr<K extends TfAttrKind>(name: string, kind: K): TfAttrValues[K] | undefined {
    const value = attrOf(this.node, name, kind);
    if (value === undefined && this.node.attrs.has(name)) {
      throw this.fault(`its attribute "${name}" is of the kind ${this.node.attrs.get(name)?.kind}, not ${kind}`);
    }
    return value;
  }

  #list<K extends "int" | "string">(name: string, kind: K): readonly TfAttrValues[K][] | undefined {
    return this.#attr(name, "list")?.map((item) => {
      if (isOfKind(item, kind)) return item.value;
      throw this.fault(`its attribute "${name}" lists a ${item.kind}, not a ${kind}`);
    });
  }

  /** Adds one node under the TensorFlow node's own name, or under `name/role`; returns its first result. */
  emit<A extends Attributes>(
    op: Op<A>,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
    role = "",
  ): TensorId {
    const [first] = this.emitAll(op, inputs, attributes, role);
    if (first !== undefined) return first;
    throw new FlotillaError("GRAPH_INVALID", `"${this.name}" (${op.kind}) has no result.`);
  }

  emitAll<A extends Attributes>(
    op: Op<A>,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
    role = "",
    stored?: readonly ResultFacts[],
  ): readonly TensorId[] {
    const outputs = this.builder.emitAll(op, this.#label(role), inputs, attributes, stored);
    for (const id of outputs) this.#checkSize(this.shapeOf(id));
    return outputs;
  }

  #checkSize(shape: Shape): void {
    const shown = `[${shape.join(", ")}]`;
    if (shape.includes(-1))
      throw new NodeRefusal(`the size of its result, ${shown}, is known only when the model runs`);
    if (shape.length <= maxRank && elementCount(shape) <= maxElements) return;
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `The node "${this.name}" (${this.op}) has a result of the shape ${shown}.`,
      {
        details: { node: this.name, operator: this.op, shape },
      },
    );
  }

  reshaped(id: TensorId, shape: Shape, role = ""): TensorId {
    return this.builder.reshaped(this.#label(role), id, shape);
  }

  permuted(id: TensorId, permutation: readonly number[], role = ""): TensorId {
    return this.builder.permuted(this.#label(role), id, permutation);
  }

  /** A constant for this node alone. */
  intsConstant(role: string, values: readonly number[], shape?: Shape): TensorId {
    return this.builder.integers(this.#label(role), values, shape);
  }

  floatsConstant(role: string, values: readonly number[], shape?: Shape): TensorId {
    return this.builder.floats(this.#label(role), values, shape);
  }

  /** One number of the dtype of `like`, that broadcasts to everything. */
  scalarLike(like: TensorId, value: number): TensorId {
    return this.dtypeOf(like) === "int32"
      ? this.intsConstant("scalar", [value], [])
      : this.floatsConstant("scalar", [value], []);
  }

  /** A fault of the file, not something that is missing here. */
  fault(problem: string, cause?: unknown): FlotillaError {
    return new FlotillaError("FORMAT_CORRUPT", `The node "${this.name}" (${this.op}) cannot be: ${problem}.`, {
      details: { node: this.name, operator: this.op, problem },
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #label(role: string): string {
    return role === "" ? this.name : `${this.name}/${role}`;
  }
}
