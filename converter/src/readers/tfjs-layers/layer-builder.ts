/**
 * Builds the nodes of one layer call: shapes come from each operator's own rule, names from the layer,
 * weights from the container by the layer's name, checked against the shape that the config asks for.
 * Knows operators only as it is handed them.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Attributes } from "../../ir/graph.ts";
import { type Constant, type DType, elementCount, type GraphDraft, type Shape, type TensorId } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { permuteElements } from "../../ir/permute-elements.ts";
import { bytesOf, float32ValuesOf } from "../../ir/values.ts";
import type { Op, OperandFacts } from "../../ops/define-op.ts";
import type { Argument, CallArguments } from "./call-arguments.ts";
import { JsonFields } from "./json-fields.ts";
import type { LayerSpec, ModelSpec } from "./layer-spec.ts";
import { type Dialect, LayerRefusal } from "./lower/lowering.ts";
import type { WeightStore } from "./weight-store.ts";

/** How a stored weight becomes an operand: its new shape, and the order in which its elements are taken. */
export interface WeightLayout {
  readonly key: string;
  readonly shape: Shape;
  /** Axes of the stored shape in the order in which the operand has them; left out where the order stays. */
  readonly permutation?: readonly number[];
  /** What is done to the elements then: `shape` holds as many as come out. */
  readonly change?: (values: Float32Array) => ArrayLike<number>;
}

/** What tells which time steps of a value count: a boolean [batch, steps]; "unclear" behind layers that may change it. */
export type Mask = TensorId | "unclear";

export interface LayerCallFacts {
  readonly layer: LayerSpec;
  /** Unique in the model; the output's name. */
  readonly name: string;
  readonly inputs: readonly TensorId[];
  /** Of each input. */
  readonly masks: readonly (Mask | undefined)[];
  readonly arguments: CallArguments;
}

/** What the calls of a model share. */
export interface ModelFacts {
  readonly dialect: Dialect;
  /** Of the Keras that wrote the model. */
  readonly kerasMajor: number;
  readonly draft: GraphDraft;
  readonly weights: WeightStore;
  /** Small constants by their content: unrolled loops ask for the same ones again and again. */
  readonly constants: Map<string, TensorId>;
  /** Lowers a layer or model that another one holds; its results. Throws {@link LayerRefusal}. */
  readonly lowerInner: (spec: LayerSpec | ModelSpec, name: string, inputs: readonly TensorId[]) => readonly TensorId[];
}

/** Arguments name values by their place, which other values do not have. */
const withoutValues: CallArguments = { positional: [], named: new Map() };

/** The places of the values that an argument holds. */
export function indicesOf(argument: Argument | undefined): readonly number[] {
  if (argument?.kind === "tensor") return [argument.index];
  return argument?.kind === "list" ? argument.items.flatMap(indicesOf) : [];
}

/** Constants of at most this many numbers are shared. */
const maxShared = 16;

export class LayerBuilder {
  readonly className: string;
  /** Unique in the model; the output's name. */
  readonly name: string;
  readonly config: JsonFields;
  /** The values that flow in, without a mask among the arguments. */
  readonly inputs: readonly TensorId[];
  readonly layer: LayerSpec;
  readonly #call: LayerCallFacts;
  readonly #model: ModelFacts;
  readonly #draft: GraphDraft;

  constructor(call: LayerCallFacts, model: ModelFacts) {
    this.layer = call.layer;
    this.className = call.layer.className;
    this.name = call.name;
    this.config = call.layer.config;
    const masks = indicesOf(call.arguments.named.get("mask"));
    this.inputs = masks.length === 0 ? call.inputs : call.inputs.filter((_, index) => !masks.includes(index));
    this.#call = call;
    this.#model = model;
    this.#draft = model.draft;
  }

  get dialect(): Dialect {
    return this.#model.dialect;
  }

  /** Keras 3 has other formulas and defaults than Keras 2 in places. */
  get isKeras3(): boolean {
    return this.#model.dialect === "keras" && this.#model.kerasMajor >= 3;
  }

  /** The same call with other inputs, e.g. with their axes in another order. */
  withInputs(...inputs: readonly TensorId[]): LayerBuilder {
    return new LayerBuilder({ ...this.#call, inputs, masks: [], arguments: withoutValues }, this.#model);
  }

  /** The same call whose nodes have `scope` in their names: for what a layer does several times. */
  scoped(scope: string): LayerBuilder {
    return new LayerBuilder({ ...this.#call, name: `${this.name}/${scope}` }, this.#model);
  }

  /** A part of this layer that has weights of its own: `name` as in their names, `attribute` as Keras holds it. */
  part(name: string, attribute: string, facts: { className?: string; config?: JsonFields } = {}): LayerBuilder {
    const layer: LayerSpec = {
      kind: "layer",
      className: facts.className ?? this.className,
      name,
      config: facts.config ?? this.config,
      within: { layer: this.layer, attribute },
    };
    return new LayerBuilder({ ...this.#call, layer, name: `${this.name}/${name}` }, this.#model);
  }

  /** Lowers a layer or model that this one holds. */
  lowerInner(spec: LayerSpec | ModelSpec, role: string, inputs: readonly TensorId[]): readonly TensorId[] {
    return this.#model.lowerInner(spec, `${this.name}/${role}`, inputs);
  }

  /** The mask of an input: the one given as an argument (a list has one of each), else the one that came with it. */
  maskOf(index: number): TensorId | undefined {
    const given = this.argument("mask");
    if (given?.kind === "tensor") return this.valueAt(given.index);
    if (given?.kind === "list") return this.#tensorAmong(given.items[index]);
    return this.#clear(this.#call.masks[index]);
  }

  /** Whether a mask came with any input. */
  get hasMasks(): boolean {
    return this.#call.masks.some((mask) => mask !== undefined);
  }

  /** The mask that came with an argument of the call. */
  maskOfArgument(name: string, position = -1): TensorId | undefined {
    const found = this.argument(name, position);
    return found?.kind === "tensor" ? this.#clear(this.#call.masks[found.index]) : undefined;
  }

  #tensorAmong(item: Argument | undefined): TensorId | undefined {
    return item?.kind === "tensor" ? this.valueAt(item.index) : undefined;
  }

  #clear(mask: Mask | undefined): TensorId | undefined {
    if (mask !== "unclear") return mask;
    throw new LayerRefusal("a mask reaches it through layers that are not followed; what it does to them is unclear");
  }

  /** For layers whose numbers a mask changes, in a way that is not converted. */
  refuseMasks(): void {
    const given = this.argument("mask");
    if (this.#call.masks.every((mask) => mask === undefined) && (given === undefined || given.kind === "json")) return;
    throw new LayerRefusal(
      "a mask (of Embedding mask_zero or Masking) reaches it; that is not converted for this layer",
    );
  }

  /** An argument of the call by name, or by its place; undefined for one that is not given or null. */
  argument(name: string, position = -1): Argument | undefined {
    const { positional, named } = this.#call.arguments;
    const found = named.get(name) ?? positional[position];
    return found?.kind === "json" && found.value === null ? undefined : found;
  }

  /** The value that an argument stands for. */
  valueAt(index: number): TensorId | undefined {
    return this.#call.inputs[index];
  }

  /** An argument that is a value flowing in. */
  tensorArgument(name: string, position = -1): TensorId | undefined {
    const found = this.argument(name, position);
    return found?.kind === "tensor" ? this.valueAt(found.index) : undefined;
  }

  /** The call's arguments that are no values: as a config of their own. */
  get argumentFields(): JsonFields {
    const { named } = this.#call.arguments;
    const values = [...named].flatMap(([name, found]) => (found.kind === "json" ? [[name, found.value] as const] : []));
    return JsonFields.of(Object.fromEntries(values), `${this.config.path} (arguments)`);
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

  dtypeOf(tensor: TensorId): DType {
    return this.#draft.tensor(tensor).dtype;
  }

  /** The size of an axis, which must not be dynamic. Negative axes count from the back. */
  sizeOf(tensor: TensorId, axis: number): number {
    const size = this.shapeOf(tensor).at(axis);
    if (size === undefined) throw this.fault(`its input has no axis ${axis}`);
    if (size !== -1) return size;
    throw new LayerRefusal(`the size of axis ${axis} of its input is dynamic, and it cannot be converted without it`);
  }

  /** The whole shape, none of whose sizes may be dynamic. */
  fixedShapeOf(tensor: TensorId): Shape {
    return this.shapeOf(tensor).map((_, axis) => this.sizeOf(tensor, axis));
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
    const [output] = this.emitAll(op, role, inputs, attributes);
    if (output !== undefined) return output;
    throw new FlotillaError("GRAPH_INVALID", `"${this.name}/${role}" (${op.kind}) has no result.`);
  }

  /** Adds one node and returns its results. */
  emitAll<A extends Attributes>(
    op: Op<A>,
    role: string,
    inputs: readonly (TensorId | null)[],
    attributes: Partial<A> = {},
  ): readonly TensorId[] {
    const name = `${this.name}/${role}`;
    const complete = op.attributesOf(op.node({ name, inputs, outputs: [], attributes }));
    const outputs = this.#inferred(op, inputs, complete).map(({ dtype, shape }, index) =>
      this.#draft.addTensor({ name: index === 0 ? name : `${name}:${index}`, dtype, shape }),
    );
    this.#draft.addNode(op.node({ name, inputs, outputs, attributes: complete }));
    return outputs;
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
    return this.#constant(role, "float32", shape, values);
  }

  /** A number that broadcasts to everything. */
  scalar(value: number): TensorId {
    return this.#constant("scalar", "float32", [], [value]);
  }

  integers(role: string, shape: Shape, values: readonly number[]): TensorId {
    return this.#constant(role, "int32", shape, values);
  }

  #constant(role: string, dtype: "float32" | "int32", shape: Shape, values: readonly number[]): TensorId {
    const add = (): TensorId => this.#draft.addConstant(`${this.name}/${role}`, dtype, shape, bytesOf(dtype, values));
    if (values.length > maxShared) return add();
    const { constants } = this.#model;
    const key = `${dtype}[${shape.join()}]${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join()}`;
    const known = constants.get(key) ?? add();
    constants.set(key, known);
    return known;
  }

  /**
   * The layer's weight `name` as an operand. Calls of a shared layer share it.
   * @throws FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH (shape or dtype)
   */
  weight(name: string, stored: Shape, layout?: WeightLayout): TensorId {
    const { weights } = this.#model;
    const weight = weights.take(this.layer, name, stored);
    const key = `${weight.name}\n${layout?.key ?? ""}`;
    const known = weights.tensors.get(key);
    if (known !== undefined) return known;
    const permutation = layout?.permutation;
    const change = layout?.change;
    const shape = layout?.shape ?? stored;
    const constant: Constant = lazyConstant(elementCount(shape) * 4, () => {
      const bytes = permutation ? permuteElements(weight.bytes(), stored, permutation) : weight.bytes();
      return change ? bytesOf("float32", change(float32ValuesOf(bytes))) : bytes;
    });
    const tensor = this.#draft.addTensor({ name: weight.name, dtype: "float32", shape, constant });
    weights.tensors.set(key, tensor);
    return tensor;
  }

  /** Weights that inference does not need; any that the file does not have are passed over. */
  dropWeights(...names: readonly string[]): void {
    for (const name of names) this.#model.weights.drop(this.layer, name);
  }

  fault(problem: string, cause?: unknown): FlotillaError {
    return new FlotillaError("FORMAT_CORRUPT", `Layer "${this.name}" (${this.className}): ${problem}.`, {
      details: { layer: this.name, className: this.className, problem },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
