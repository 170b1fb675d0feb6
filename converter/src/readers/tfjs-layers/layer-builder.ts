/**
 * Builds the nodes of one layer call: shapes come from each operator's own rule, names from the layer,
 * weights from the container by the layer's name, checked against the shape that the config asks for.
 * Knows operators only as it is handed them.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Attributes } from "../../ir/graph.ts";
import { type Constant, elementCount, type GraphDraft, type Shape, type TensorId } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { bytesOf, float32ValuesOf } from "../../ir/values.ts";
import type { Op, OperandFacts } from "../../ops/define-op.ts";
import type { JsonFields } from "./json-fields.ts";
import type { LayerSpec } from "./layer-spec.ts";
import type { Dialect } from "./lower/lowering.ts";
import type { WeightStore } from "./weight-store.ts";

/** How a stored weight becomes an operand: its new shape, and the order in which its elements are taken. */
export interface WeightLayout {
  readonly key: string;
  readonly shape: Shape;
  /** Axes of the stored shape in the order in which the operand has them; left out where the order stays. */
  readonly permutation?: readonly number[];
}

export class LayerBuilder {
  readonly className: string;
  /** Unique in the model; the output's name. */
  readonly name: string;
  readonly config: JsonFields;
  readonly dialect: Dialect;
  readonly inputs: readonly TensorId[];
  readonly #layer: LayerSpec;
  readonly #draft: GraphDraft;
  readonly #weights: WeightStore;

  constructor(facts: {
    layer: LayerSpec;
    name: string;
    dialect: Dialect;
    inputs: readonly TensorId[];
    draft: GraphDraft;
    weights: WeightStore;
  }) {
    this.#layer = facts.layer;
    this.className = facts.layer.className;
    this.name = facts.name;
    this.config = facts.layer.config;
    this.dialect = facts.dialect;
    this.inputs = facts.inputs;
    this.#draft = facts.draft;
    this.#weights = facts.weights;
  }

  /** The one input of a layer that takes one. */
  get input(): TensorId {
    const [input] = this.inputs;
    if (input !== undefined) return input;
    throw new FlotillaError("FORMAT_CORRUPT", `Layer "${this.name}" (${this.className}) is called without an input.`);
  }

  shapeOf(tensor: TensorId): Shape {
    return this.#draft.tensor(tensor).shape;
  }

  /** The shape of the input, which must have this rank. */
  inputShape(rank: number): Shape {
    const shape = this.shapeOf(this.input);
    if (shape.length === rank) return shape;
    throw this.fault(`its input must have ${rank} axes and has the shape [${shape.join(", ")}]`);
  }

  /** Adds one node with one result and returns the result. `role` tells the nodes of a layer apart. */
  emit<A extends Attributes>(
    op: Op<A>,
    role: string,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
  ): TensorId {
    const name = `${this.name}/${role}`;
    const complete = op.attributesOf(op.node({ name, inputs, outputs: [], attributes }));
    const [result] = this.#inferred(op, inputs, complete);
    if (!result) throw new FlotillaError("GRAPH_INVALID", `"${name}" (${op.kind}) has no result.`);
    const output = this.#draft.addTensor({ name, dtype: result.dtype, shape: result.shape });
    this.#draft.addNode(op.node({ name, inputs, outputs: [output], attributes: complete }));
    return output;
  }

  #inferred<A extends Attributes>(op: Op<A>, inputs: readonly (TensorId | null)[], attributes: A) {
    const facts = inputs.map((id): OperandFacts | null => {
      if (id === null) return null;
      const { dtype, shape, constant } = this.#draft.tensor(id);
      return constant ? { dtype, shape, bytes: () => constant.bytes() } : { dtype, shape };
    });
    try {
      return op.infer(facts, attributes);
    } catch (cause) {
      // A shape that an operator cannot have is the file's fault here.
      if (cause instanceof FlotillaError && cause.code === "GRAPH_INVALID") throw this.fault(cause.message, cause);
      throw cause;
    }
  }

  floats(role: string, shape: Shape, values: readonly number[]): TensorId {
    return this.#draft.addConstant(`${this.name}/${role}`, "float32", shape, bytesOf("float32", values));
  }

  integers(role: string, shape: Shape, values: readonly number[]): TensorId {
    return this.#draft.addConstant(`${this.name}/${role}`, "int32", shape, bytesOf("int32", values));
  }

  /**
   * The layer's weight `name` as an operand. Calls of a shared layer share it.
   * @throws FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH (shape or dtype)
   */
  weight(name: string, stored: Shape, layout?: WeightLayout): TensorId {
    const weight = this.#weights.take(this.#layer, name, stored);
    const key = `${weight.name}\n${layout?.key ?? ""}`;
    const known = this.#weights.tensors.get(key);
    if (known !== undefined) return known;
    const permutation = layout?.permutation;
    const constant: Constant = lazyConstant(weight.byteLength, () =>
      permutation ? permuteFloats(weight.bytes(), stored, permutation) : weight.bytes(),
    );
    const tensor = this.#draft.addTensor({
      name: weight.name,
      dtype: "float32",
      shape: layout?.shape ?? stored,
      constant,
    });
    this.#weights.tensors.set(key, tensor);
    return tensor;
  }

  fault(problem: string, cause?: unknown): FlotillaError {
    return new FlotillaError("FORMAT_CORRUPT", `Layer "${this.name}" (${this.className}): ${problem}.`, {
      details: { layer: this.name, className: this.className, problem },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** Elements of a row-major float32 array with its axes in another order. */
export function permuteFloats(bytes: Uint8Array, shape: Shape, permutation: readonly number[]): Uint8Array {
  const source = float32ValuesOf(bytes);
  const result = new Float32Array(elementCount(shape));
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sizes = permutation.map((axis) => shape[axis] ?? 0);
  const steps = permutation.map((axis) => strides[axis] ?? 0);
  const rank = sizes.length;
  const inner = sizes[rank - 1] ?? 1;
  const innerStep = steps[rank - 1] ?? 0;
  const position = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < result.length; ) {
    for (let i = 0, at = from; i < inner; i++, at += innerStep) result[to++] = source[at]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += steps[axis]!;
      position[axis]! += 1;
      if (position[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      position[axis] = 0;
    }
  }
  return new Uint8Array(result.buffer);
}
