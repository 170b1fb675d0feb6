/**
 * Builds the IR of source graphs whose shapes are computed by operators of their own (TensorFlow, ONNX): a node whose
 * operands are known is computed at once, so that shapes, axes and paddings are numbers by the time they are asked for.
 * Integers of 64 bits become int32, and float64 and float16 float32: devices and tfjs have no others.
 * Knows no source format.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Attributes } from "../../ir/graph.ts";
import {
  byteSize,
  type Constant,
  type DType,
  type GraphDraft,
  type Node,
  type Shape,
  type Tensor,
  type TensorId,
} from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { permuteElements } from "../../ir/permute-elements.ts";
import { bytesOf, valuesOf } from "../../ir/values.ts";
import {
  type ConstantValue,
  isUnsupported,
  type Op,
  type OperandFacts,
  type ResultFacts,
} from "../../ops/define-op.ts";
import { factsOf } from "../../ops/graph-facts.ts";
import { reshape } from "../../ops/reshape.ts";
import { shape as shapeOp } from "../../ops/shape.ts";
import { transpose } from "../../ops/transpose.ts";

/** What depends on constants only is computed up to this size; larger results are left to the run. */
const maxFoldedBytes = 2 ** 20;

export class GraphBuilder {
  readonly #draft: GraphDraft;
  readonly #names = new Map<string, number>();
  readonly #producers = new Map<TensorId, Node>();

  constructor(draft: GraphDraft) {
    this.#draft = draft;
  }

  tensor(id: TensorId): Tensor {
    return this.#draft.tensor(id);
  }

  shapeOf(id: TensorId): Shape {
    return this.#draft.tensor(id).shape;
  }

  dtypeOf(id: TensorId): DType {
    return this.#draft.tensor(id).dtype;
  }

  isConstant(id: TensorId): boolean {
    return this.#draft.tensor(id).constant !== undefined;
  }

  /** The node that makes a value, as far as this builder emitted it. */
  producerOf(id: TensorId): Node | undefined {
    return this.#producers.get(id);
  }

  /** The elements of a constant as numbers; undefined for a value that only the run tells. */
  valuesOf(id: TensorId): readonly number[] | undefined {
    const { dtype, constant } = this.#draft.tensor(id);
    return constant && Array.from(valuesOf(dtype, constant.bytes()));
  }

  /** An input of the graph. */
  input(name: string, dtype: DType, shape: Shape): TensorId {
    const id = this.#draft.addTensor({ name, dtype, shape });
    this.#draft.inputs.push(id);
    return id;
  }

  constant(name: string, dtype: DType, shape: Shape, constant: Constant): TensorId {
    return this.#draft.addTensor({ name: this.#unique(name), dtype, shape, constant });
  }

  /** A constant from numbers. Shape `[values.length]` unless given. */
  integers(name: string, values: readonly number[], shape: Shape = [values.length]): TensorId {
    return this.#draft.addConstant(this.#unique(name), "int32", shape, bytesOf("int32", values));
  }

  floats(name: string, values: ArrayLike<number>, shape: Shape = [values.length]): TensorId {
    return this.#draft.addConstant(this.#unique(name), "float32", shape, bytesOf("float32", values));
  }

  /** The same elements under another shape: the value itself where that is its shape, a view of a constant of any size. */
  reshaped(name: string, id: TensorId, shape: Shape): TensorId {
    const { dtype, shape: from, constant } = this.#draft.tensor(id);
    if (from.length === shape.length && from.every((size, axis) => size === shape[axis])) return id;
    const fits = byteSize(dtype, from) === byteSize(dtype, shape) && !shape.includes(-1) && !from.includes(-1);
    if (constant && fits) return this.constant(name, dtype, shape, constant);
    return this.emit(reshape, name, [id, this.integers(`${name}/shape`, shape)], { newShape: shape });
  }

  /** The axes in another order; a constant of any size is put in order when it is asked for. */
  permuted(name: string, id: TensorId, permutation: readonly number[]): TensorId {
    const { dtype, shape, constant } = this.#draft.tensor(id);
    const sound =
      permutation.length === shape.length && shape.every((_, axis) => permutation.includes(axis)) && shape.length > 0;
    if (sound && permutation.every((from, to) => from === to)) return id;
    if (!sound || !constant || (dtype !== "float32" && dtype !== "int32")) {
      return this.emit(transpose, name, [id, this.integers(`${name}/axes`, permutation)]);
    }
    const permuted = permutation.map((axis) => shape[axis] ?? 0);
    const compute = (): Uint8Array => permuteElements(constant.bytes(), shape, permutation);
    return this.constant(name, dtype, permuted, lazyConstant(constant.byteLength, compute));
  }

  /** Adds one node (or computes it) and returns its first result. @throws GRAPH_INVALID for operands that cannot be */
  emit<A extends Attributes>(
    op: Op<A>,
    name: string,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
    stored?: readonly ResultFacts[],
  ): TensorId {
    const [first] = this.emitAll(op, name, inputs, attributes, stored);
    if (first !== undefined) return first;
    throw new FlotillaError("GRAPH_INVALID", `"${name}" (${op.kind}) has no result.`);
  }

  /** Like {@link emit}, for operators with several results. `stored`: for the few whose kernel goes by it (CAST). */
  emitAll<A extends Attributes>(
    op: Op<A>,
    name: string,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
    stored?: readonly ResultFacts[],
  ): readonly TensorId[] {
    const own = this.#unique(name);
    const complete = op.attributesOf(op.node({ name: own, inputs, outputs: [], attributes }));
    const facts = inputs.map((id) => (id === null ? null : factsOf(this.#draft.tensor(id))));
    const results = op.infer(facts, complete, stored);
    const label = (at: number): string => (at === 0 ? own : `${own}:${at}`);
    const known = this.#evaluated(op, facts, complete, results);
    if (known) {
      return known.map(({ dtype, shape, bytes }, at) => this.#draft.addConstant(label(at), dtype, shape, bytes));
    }
    const outputs = results.map(({ dtype, shape }, at) => this.#draft.addTensor({ name: label(at), dtype, shape }));
    const node = this.#draft.addNode(op.node({ name: own, inputs, outputs, attributes: complete }));
    for (const id of outputs) this.#producers.set(id, node);
    return outputs;
  }

  #evaluated(
    op: Op,
    facts: readonly (OperandFacts | null)[],
    attributes: Attributes,
    results: readonly ResultFacts[],
  ): readonly ConstantValue[] | undefined {
    if (isUnsupported(op.evaluate)) return undefined;
    const small = results.every(({ dtype, shape }) => !shape.includes(-1) && byteSize(dtype, shape) <= maxFoldedBytes);
    if (!small) return undefined;
    const shapeOnly = op.kind === shapeOp.kind;
    const values: (ConstantValue | null)[] = [];
    for (const fact of facts) {
      if (fact === null) values.push(null);
      else if (shapeOnly && !fact.shape.includes(-1)) values.push({ ...fact, bytes: new Uint8Array(0) });
      else if (fact.bytes && !shapeOnly) values.push({ ...fact, bytes: fact.bytes() });
      else return undefined;
    }
    return op.evaluate(values, attributes) ?? undefined;
  }

  /** Names tell tensors apart in reports: a second one of the same name gets a number. */
  #unique(name: string): string {
    const count = this.#names.get(name) ?? 0;
    this.#names.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }
}
