/**
 * What the lowering of one ONNX node works with: its operands, attributes and version, and a builder that names what it
 * emits after the node. An operand that the TFLite operator cannot take becomes the reason why the node is refused.
 * Knows no operator.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Attributes, Constant, DType, Shape, TensorId } from "../../ir/graph.ts";
import type { Op, ResultFacts } from "../../ops/define-op.ts";
import type { GraphBuilder } from "../lowering/graph-builder.ts";
import { OperatorRefusal } from "./lower/lowering.ts";
import type { OnnxAttribute, OnnxNode } from "./source-graph.ts";
import type { OnnxTensor } from "./tensor.ts";

export class NodeBuilder {
  readonly graph: GraphBuilder;
  readonly name: string;
  readonly operator: string;
  /** Version of the node's operator set. */
  readonly version: number;
  /** Null: an operand that is left out. */
  readonly inputs: readonly (TensorId | null)[];
  readonly #node: OnnxNode;

  constructor(facts: {
    graph: GraphBuilder;
    node: OnnxNode;
    version: number;
    inputs: readonly (TensorId | null)[];
  }) {
    this.graph = facts.graph;
    this.#node = facts.node;
    this.name = facts.node.name;
    this.operator = facts.node.operator;
    this.version = facts.version;
    this.inputs = facts.inputs;
  }

  // Operands

  input(at: number): TensorId {
    const input = this.inputs[at];
    if (input !== null && input !== undefined) return input;
    throw new FlotillaError("FORMAT_CORRUPT", `"${this.name}" (${this.operator}) lacks its operand ${at}.`);
  }

  optional(at: number): TensorId | null {
    return this.inputs[at] ?? null;
  }

  get outputCount(): number {
    return this.#node.outputs.length;
  }

  /** Does somebody ask for this result? */
  wants(output: number): boolean {
    return (this.#node.outputs[output] ?? "") !== "";
  }

  /** A shape whose sizes are all known. */
  shape(id: TensorId): Shape {
    const shape = this.graph.shapeOf(id);
    if (!shape.includes(-1)) return shape;
    throw this.refusal("the shape of an operand is known only during a run");
  }

  rank(id: TensorId): number {
    return this.graph.shapeOf(id).length;
  }

  dtype(id: TensorId): DType {
    return this.graph.dtypeOf(id);
  }

  isFloat(id: TensorId): boolean {
    return this.dtype(id) === "float32";
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const at = axis < 0 ? axis + rank : axis;
    if (at >= 0 && at < rank) return at;
    throw new FlotillaError("FORMAT_CORRUPT", `"${this.name}" (${this.operator}): axis ${axis} of ${rank} axes.`);
  }

  /** The numbers of an operand that must be constant. `what` names it in the refusal. */
  numbers(id: TensorId, what: string): readonly number[] {
    const values = this.graph.valuesOf(id);
    if (values) return values;
    throw this.refusal(`its ${what} are computed during the run`);
  }

  /** A list of integers that is an operand in new versions and an attribute in old ones; undefined where it is neither. */
  integersOf(attribute: string, operand: number): readonly number[] | undefined {
    const id = this.optional(operand);
    if (id !== null) return this.numbers(id, attribute);
    return this.ints(attribute);
  }

  // Attributes

  has(name: string): boolean {
    return this.#node.attributes.has(name);
  }

  float(name: string, fallback: number): number {
    const found = this.#attribute(name);
    if (found === undefined) return fallback;
    if (found.kind === "float" || found.kind === "int") return found.value;
    throw this.#wrongKind(name, found);
  }

  int(name: string, fallback: number): number {
    const found = this.#attribute(name);
    if (found === undefined) return fallback;
    if (found.kind === "int" && Number.isSafeInteger(found.value)) return found.value;
    throw this.#wrongKind(name, found);
  }

  flag(name: string, fallback: boolean): boolean {
    return this.int(name, fallback ? 1 : 0) !== 0;
  }

  string(name: string, fallback: string): string {
    const found = this.#attribute(name);
    if (found === undefined) return fallback;
    if (found.kind === "string") return found.value;
    throw this.#wrongKind(name, found);
  }

  ints(name: string): readonly number[] | undefined {
    const found = this.#attribute(name);
    if (found === undefined || found.kind === "ints") return found?.value;
    throw this.#wrongKind(name, found);
  }

  floats(name: string): readonly number[] | undefined {
    const found = this.#attribute(name);
    if (found === undefined || found.kind === "floats") return found?.value;
    throw this.#wrongKind(name, found);
  }

  strings(name: string): readonly string[] | undefined {
    const found = this.#attribute(name);
    if (found === undefined || found.kind === "strings") return found?.value;
    throw this.#wrongKind(name, found);
  }

  tensor(name: string): OnnxTensor | undefined {
    const found = this.#attribute(name);
    if (found === undefined || found.kind === "tensor") return found?.value;
    throw this.#wrongKind(name, found);
  }

  #attribute(name: string): OnnxAttribute | undefined {
    return this.#node.attributes.get(name);
  }

  #wrongKind(name: string, { kind }: OnnxAttribute): FlotillaError {
    return new FlotillaError(
      "FORMAT_CORRUPT",
      `"${this.name}" (${this.operator}): the attribute "${name}" cannot be this ${kind}.`,
    );
  }

  // Results

  /** Adds one node and returns its first result. `role` tells the nodes of one ONNX node apart; "" is its own name. */
  emit<A extends Attributes>(
    op: Op<A>,
    role: string,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
    stored?: readonly ResultFacts[],
  ): TensorId {
    return this.#checked(() => this.graph.emit(op, this.#label(role), inputs, attributes, stored));
  }

  emitAll<A extends Attributes>(
    op: Op<A>,
    role: string,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
  ): readonly TensorId[] {
    return this.#checked(() => this.graph.emitAll(op, this.#label(role), inputs, attributes));
  }

  /** What the graph's builder makes by other methods, under the node's name. */
  build(make: (graph: GraphBuilder, name: string) => TensorId, role: string): TensorId {
    return this.#checked(() => make(this.graph, this.#label(role)));
  }

  integers(role: string, values: readonly number[], shape?: Shape): TensorId {
    return this.graph.integers(this.#label(role), values, shape);
  }

  floats32(role: string, values: ArrayLike<number>, shape?: Shape): TensorId {
    return this.graph.floats(this.#label(role), values, shape);
  }

  /** One number, of the dtype of `like`. */
  scalar(role: string, value: number, like: DType = "float32"): TensorId {
    return like === "float32" ? this.floats32(role, [value], []) : this.integers(role, [value], []);
  }

  constant(role: string, dtype: DType, shape: Shape, constant: Constant): TensorId {
    return this.graph.constant(this.#label(role), dtype, shape, constant);
  }

  /** What a lowering throws for a use that has no counterpart. */
  refusal(reason: string): OperatorRefusal {
    return new OperatorRefusal(reason);
  }

  #label(role: string): string {
    return role === "" ? this.name : `${this.name}/${role}`;
  }

  #checked<T>(build: () => T): T {
    try {
      return build();
    } catch (cause) {
      if (cause instanceof FlotillaError && cause.code === "GRAPH_INVALID") throw this.refusal(cause.message);
      throw cause;
    }
  }
}
