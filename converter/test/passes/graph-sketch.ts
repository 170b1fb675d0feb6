/** Small graphs for tests of passes: shapes follow from the operators, constants are seeded, names are counted. */
import { type Attributes, type Graph, GraphDraft, type Model, type Shape, type TensorId } from "../../src/ir/graph.ts";
import { bytesOf } from "../../src/ir/values.ts";
import type { Op, OperandFacts } from "../../src/ops/define-op.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { seededValues } from "../readers/saved-layers-model.ts";

export class GraphSketch {
  readonly #draft = new GraphDraft();
  #count = 0;

  input(...shape: number[]): TensorId {
    const id = this.#draft.addTensor({ name: `in${this.#draft.inputs.length}`, dtype: "float32", shape });
    this.#draft.inputs.push(id);
    return id;
  }

  /** Seeded values in [-1, 1) times `by` plus `offset`. */
  weights(shape: Shape, { by = 1, offset = 0 }: { by?: number; offset?: number } = {}): TensorId {
    const count = shape.reduce((product, size) => product * size, 1);
    return this.floats(
      shape,
      Array.from(seededValues(count, ++this.#count), (value) => value * by + offset),
    );
  }

  floats(shape: Shape, values: readonly number[]): TensorId {
    return this.#draft.addConstant(`c${++this.#count}`, "float32", shape, bytesOf("float32", values));
  }

  halves(shape: Shape, values: readonly number[]): TensorId {
    return this.#draft.addConstant(`h${++this.#count}`, "float16", shape, bytesOf("float16", values));
  }

  integers(shape: Shape, values: readonly number[]): TensorId {
    return this.#draft.addConstant(`i${++this.#count}`, "int32", shape, bytesOf("int32", values));
  }

  bools(shape: Shape, values: readonly number[]): TensorId {
    return this.#draft.addConstant(`b${++this.#count}`, "bool", shape, bytesOf("bool", values));
  }

  emit<A extends Attributes>(op: Op<A>, inputs: readonly (TensorId | null)[], attributes: Partial<A> = {}): TensorId {
    return this.emitAll(op, inputs, attributes, 1)[0]!; // of the one that was asked for
  }

  /** All results of an operator with `count` of them. */
  emitAll<A extends Attributes>(
    op: Op<A>,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A>,
    count: number,
  ): TensorId[] {
    const name = `${op.kind.toLowerCase()}${++this.#count}`;
    const facts = inputs.map((id): OperandFacts | null => {
      if (id === null) return null;
      const { dtype, shape, constant } = this.#draft.tensor(id);
      return constant ? { dtype, shape, bytes: () => constant.bytes() } : { dtype, shape };
    });
    const node = op.node({ name, inputs, outputs: [], attributes });
    const stored = Array.from({ length: count }, () => ({ dtype: "float32" as const, shape: [] }));
    const results = op.infer(facts, node.attributes, count > 1 ? stored : undefined);
    const outputs = results.map(({ dtype, shape }, at) =>
      this.#draft.addTensor({ name: at === 0 ? name : `${name}:${at}`, dtype, shape }),
    );
    this.#draft.addNode({ ...node, outputs });
    return [...outputs];
  }

  graph(...outputs: TensorId[]): Graph {
    this.#draft.outputs = outputs;
    return this.#draft.freeze();
  }
}

export const modelOf = (graph: Graph): Model => ({
  description: "test",
  graphs: [graph],
  signatures: [],
  metadata: [],
});

export const reshapeTo = (g: GraphSketch, x: TensorId, ...newShape: number[]): TensorId =>
  g.emit(reshape, [x, g.integers([newShape.length], newShape)], { newShape });

export const transposeBy = (g: GraphSketch, x: TensorId, ...order: number[]): TensorId =>
  g.emit(transpose, [x, g.integers([order.length], order)]);
