/**
 * Layers and weights, from whatever container → a model in the imported phase: one graph, with the names of inputs and
 * outputs that Keras gives them, signature "serving_default". A graph is NHWC where its layers are.
 * Everything that cannot be converted is reported at once. Knows no container and no layer.
 */

import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { type DType, type Graph, GraphDraft, type Model, type Shape, type TensorId } from "../../ir/graph.ts";
import { bytesOf } from "../../ir/values.ts";
import { reshape } from "../../ops/reshape.ts";
import { byName } from "../by-name.ts";
import { askedShapes } from "../lowering/fixed-shape.ts";
import type { Weight } from "./container.ts";
import { JsonFields } from "./json-fields.ts";
import { indicesOf, LayerBuilder, type Mask, type ModelFacts } from "./layer-builder.ts";
import { decodeModelSpec, type LayerSpec, type ModelSpec } from "./layer-spec.ts";
import { layerLoweringOf } from "./lower/layer-lowerings.ts";
import { type Dialect, type LayerLowering, LayerRefusal } from "./lower/lowering.ts";
import { flattenModel, type LayerCall, type LayersTopology, type ValueId } from "./topology.ts";
import { type WeightFinder, WeightStore } from "./weight-store.ts";

export interface LowerLayersOptions {
  /** Input name → whole shape, batch included: fixes dynamic sizes, -1 keeps one. A dynamic batch not named here becomes 1. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Keeps batches dynamic that no input shape fixes. */
  readonly dynamicBatch?: boolean;
}

/** A model of layers as a container gives it. */
export interface LayersModelSource {
  readonly label: string;
  /** In Keras 2 form; calls may be Keras 3's. */
  readonly modelTopology: JsonObject;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly dialect: Dialect;
  /** Which Keras wrote it; else by `keras_version` of the topology, else 3. */
  readonly kerasMajor?: number;
  /** Where weights are found otherwise than by name; keys are those of `weights`. */
  readonly findWeight?: WeightFinder;
}

/**
 * Lowers a model of layers.
 * @throws UNSUPPORTED_LAYER with all layers that cannot be converted; FORMAT_JSON, FORMAT_CORRUPT, FORMAT_LIMIT,
 *   FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH; CONFIG_INVALID (input shapes)
 */
export function lowerLayersModel(source: LayersModelSource, options: LowerLayersOptions = {}): Model {
  const topology = flattenModel(decodeModelSpec(JsonFields.of(source.modelTopology, "modelTopology")));
  const graph = new Lowering(source, topology, options).run();
  const named = (ends: readonly { readonly name: string }[], tensors: readonly TensorId[]) =>
    ends.map(({ name }, index) => ({ name, tensor: tensors[index]! })); // one tensor was made per end
  return {
    description: topology.name,
    graphs: [graph],
    signatures: [
      {
        key: "serving_default",
        graph: 0,
        inputs: named(topology.inputs, graph.inputs),
        outputs: named(topology.outputs, graph.outputs),
      },
    ],
    metadata: [],
  };
}

interface UnsupportedLayer {
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

/** What flows through the calls of one model. A value that follows from an unsupported layer has no tensor. */
interface Flow {
  readonly tensors: Map<ValueId, TensorId>;
  readonly masks: Map<ValueId, Mask>;
}

/** Integers of other widths come in as int32: tfjs has no others. */
const inputDTypes: ReadonlyMap<string, DType> = byName({
  float32: "float32",
  float16: "float32",
  bfloat16: "float32",
  float64: "float32",
  int32: "int32",
  int64: "int32",
  int8: "int32",
  int16: "int32",
  uint8: "int32",
  uint16: "int32",
  bool: "bool",
});

class Lowering {
  readonly #source: LayersModelSource;
  readonly #topology: LayersTopology;
  readonly #options: LowerLayersOptions;
  readonly #draft = new GraphDraft();
  readonly #weights: WeightStore;
  readonly #facts: ModelFacts;
  readonly #unsupported: UnsupportedLayer[] = [];

  constructor(source: LayersModelSource, topology: LayersTopology, options: LowerLayersOptions) {
    this.#source = source;
    this.#topology = topology;
    this.#options = options;
    this.#weights = new WeightStore(source.weights, source.findWeight);
    this.#facts = {
      dialect: source.dialect,
      kerasMajor: source.kerasMajor ?? majorOf(source.modelTopology.keras_version) ?? 3,
      draft: this.#draft,
      weights: this.#weights,
      constants: new Map(),
      lowerInner: (spec, name, inputs) => this.#lowerInner(spec, name, inputs),
    };
  }

  run(): Graph {
    this.#draft.name = "main";
    const flow = this.#addInputs();
    for (const call of this.#topology.calls) this.#lowerCall(call, flow);
    if (this.#unsupported.length > 0) throw unsupportedLayers(this.#source.label, this.#unsupported);
    for (const { name, value } of this.#topology.outputs) this.#addOutput(name, made(flow, value));
    const left = this.#weights.left(this.#source.weights);
    if (left.length > 0) {
      throw new FlotillaError(
        "FORMAT_WEIGHTS_MISMATCH",
        `${this.#source.label}: no layer takes the weights ${left.slice(0, 10).join(", ")}` +
          `${left.length > 10 ? ` and ${left.length - 10} more` : ""}; ` +
          `${this.#source.dialect === "tfjs" ? "tfjs" : "Keras"} refuses such a model too.`,
        { details: { left } },
      );
    }
    return this.#draft.freeze();
  }

  #addInputs(): Flow {
    const asked = askedShapes(
      this.#topology.inputs.map(({ name }) => name),
      this.#options.inputShapes,
    );
    const flow: Flow = { tensors: new Map(), masks: new Map() };
    for (const { name, value, shape, dtype } of this.#topology.inputs) {
      const known = inputDTypes.get(dtype);
      if (!known) this.#unsupported.push({ node: name, operator: "InputLayer", reason: `inputs of dtype ${dtype}` });
      const tensor = this.#draft.addTensor({
        name,
        dtype: known ?? "float32",
        shape: settledShape(name, shape, asked.get(name), this.#options.dynamicBatch ? -1 : 1),
      });
      this.#draft.inputs.push(tensor);
      flow.tensors.set(value, tensor);
    }
    return flow;
  }

  /** LiteRT gives garbage for an output that is an input, a constant or another output: such a one is a copy. */
  #addOutput(name: string, tensor: TensorId): void {
    const { inputs, outputs } = this.#draft;
    const { dtype, shape, constant } = this.#draft.tensor(tensor);
    if (!inputs.includes(tensor) && !outputs.includes(tensor) && !constant) {
      this.#draft.setTensor(tensor, { name }); // a nested model's output has the name of its last layer
      outputs.push(tensor);
      return;
    }
    const target = this.#draft.addConstant(`${name}/shape`, "int32", [shape.length], bytesOf("int32", shape));
    const copy = this.#draft.addTensor({ name: `${name}/copy`, dtype, shape });
    const attributes = { newShape: shape };
    this.#draft.addNode(reshape.node({ name: `${name}/copy`, inputs: [tensor, target], outputs: [copy], attributes }));
    outputs.push(copy);
  }

  #lowerCall(call: LayerCall, flow: Flow): void {
    const inputs = call.inputs.flatMap((value) => flow.tensors.get(value) ?? []);
    const implied = call.inputs.map((value) => flow.masks.get(value));
    const lacksInput = inputs.length < call.inputs.length;
    try {
      const lowering = lowerableBy(call, this.#source.dialect);
      // What follows from an unsupported layer has no shape; its own config was looked at above.
      if (lacksInput) return;
      const { layer, name } = call;
      const given = call.arguments.named.get("mask");
      const explicit = given?.kind === "tensor" ? inputs[given.index] : undefined;
      const masks = explicit === undefined ? implied : [explicit];
      const builder = new LayerBuilder({ layer, name, inputs, masks, arguments: call.arguments }, this.#facts);
      const outputs = [lowering.lower(builder)].flat();
      const [first] = outputs;
      if (first !== undefined && !inputs.includes(first) && !this.#draft.tensor(first).constant) {
        this.#draft.setTensor(first, { name });
      }
      const mask = this.#maskBehind(lowering, builder, masks);
      for (const index of lowering.takesMasksOf?.(builder) ?? []) flow.masks.delete(call.inputs[index] ?? -1);
      for (const [index, value] of call.outputs.entries()) {
        const output = outputs[index];
        if (output === undefined) throw builder.fault(`it has no output ${index}`);
        flow.tensors.set(value, output);
        if (mask !== undefined && index === 0) flow.masks.set(value, mask);
      }
    } catch (thrown) {
      if (!(thrown instanceof LayerRefusal)) throw thrown;
      this.#unsupported.push({ node: call.name, operator: call.layer.className, reason: thrown.reason });
    }
  }

  /** The mask behind a layer. One of Keras that says nothing of masks loses them; one of tfjs throws. */
  #maskBehind(lowering: LayerLowering, builder: LayerBuilder, masks: readonly (Mask | undefined)[]): Mask | undefined {
    const there = masks.filter((mask) => mask !== undefined);
    const { dialect } = this.#source;
    if (lowering.mergeMasks) return there.length === 0 ? undefined : lowering.mergeMasks(builder, masks);
    const made = lowering.makeMask?.(builder);
    if (made !== undefined || there.length === 0) return made;
    const { masking = dialect === "keras" ? "drops" : "unclear" } = lowering;
    const does = typeof masking === "function" ? masking(builder.config) : masking;
    if (does === "drops") return undefined;
    return does === "keeps" && masks.length === 1 ? there[0] : "unclear";
  }

  /** A refusal within is the holder's: it is thrown on, and recorded once. */
  #lowerInner(spec: LayerSpec | ModelSpec, name: string, inputs: readonly TensorId[]): readonly TensorId[] {
    if (spec.kind === "layer") {
      const positional = inputs.map((_, index) => ({ kind: "tensor", index }) as const);
      const call = { layer: spec, name, inputs: [], arguments: { positional, named: new Map() }, outputs: [] };
      const lowering = within(spec, () =>
        lowerableBy({ ...call, inputs: positional.map(({ index }) => index) }, this.#source.dialect),
      );
      const builder = new LayerBuilder(
        { layer: spec, name, inputs, masks: [], arguments: call.arguments },
        this.#facts,
      );
      return within(spec, () => [lowering.lower(builder)].flat());
    }
    const topology = flattenModel(spec);
    if (topology.inputs.length !== inputs.length) {
      throw new FlotillaError(
        "FORMAT_CORRUPT",
        `"${name}" takes ${topology.inputs.length} inputs, not ${inputs.length}.`,
      );
    }
    const flow: Flow = { tensors: new Map(), masks: new Map() };
    for (const [index, { value }] of topology.inputs.entries()) flow.tensors.set(value, inputs[index]!); // as many, see above
    const before = this.#unsupported.length;
    for (const call of topology.calls) this.#lowerCall({ ...call, name: `${name}/${call.name}` }, flow);
    if (this.#unsupported.length > before) throw new LayerRefusal("layers that it holds cannot be converted");
    return topology.outputs.map(({ value }) => made(flow, value));
  }
}

function unknownReason(className: string): string {
  if (className === "Lambda") return "it is Python code, which is never run; replace it by layers and save again";
  if (className.includes(">")) return "a class of the model's own, whose code is not in the file; replace it by layers";
  return "no conversion of this layer is known";
}

/** Keras 3 `model.quantize`: a policy of its own, or its name. */
function quantizedReason(config: JsonFields): string | undefined {
  const policy = config.get("dtype");
  const fields = isJsonObject(policy) && isJsonObject(policy.config) ? policy.config : {};
  const mode = fields.mode ?? (typeof policy === "string" ? /^(\w+)_from_/.exec(policy)?.[1] : undefined);
  return typeof mode === "string"
    ? `quantized by Keras (${mode}), whose arithmetic devices do not have; convert the float model with a recipe`
    : undefined;
}

const majorOf = (version: JsonValue | undefined): number | undefined =>
  typeof version === "string" && /^\d+\./.test(version) ? Number.parseInt(version, 10) : undefined;

function made(flow: Flow, value: ValueId): TensorId {
  const tensor = flow.tensors.get(value);
  if (tensor !== undefined) return tensor;
  throw new FlotillaError("GRAPH_INVALID", `The value ${value} was never made.`);
}

function within<T>(spec: LayerSpec, run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof LayerRefusal)
      throw new LayerRefusal(`its ${spec.className} "${spec.name}": ${thrown.reason}`);
    throw thrown;
  }
}

/** The lowering of a call. Throws {@link LayerRefusal}. */
function lowerableBy({ layer, inputs, name, arguments: given }: LayerCall, dialect: Dialect) {
  const lowering = layerLoweringOf(layer);
  if (!lowering) throw new LayerRefusal(unknownReason(layer.className));
  const flowing = inputs.length - indicesOf(given.named.get("mask")).length;
  if (lowering.arity === "one" && flowing !== 1) {
    throw new FlotillaError("FORMAT_CORRUPT", `"${name}" (${layer.className}) takes one input and has ${flowing}.`);
  }
  const reason = quantizedReason(layer.config) ?? lowering.refuses?.(layer.config, dialect, layer.className);
  if (reason !== undefined) throw new LayerRefusal(reason);
  return lowering;
}

/** The declared shape with its dynamic sizes settled: the batch as said, the others only by what the caller asked for. */
function settledShape(
  name: string,
  declared: readonly (number | null)[],
  asked: readonly number[] | undefined,
  batch: 1 | -1,
): Shape {
  const shown = `[${declared.map((size) => size ?? "?").join(", ")}]`;
  if (asked) {
    const fits =
      asked.length === declared.length && declared.every((size, axis) => size === null || size === asked[axis]);
    const sound = asked.every((size) => Number.isSafeInteger(size) && (size > 0 || size === -1));
    if (fits && sound) return [...asked];
    const found = asked.map((size) => (size === -1 ? "?" : size)).join(", ");
    throw new FlotillaError("CONFIG_INVALID", `Input "${name}" is ${shown}; it cannot be [${found}].`, {
      details: { input: name, declared, asked },
    });
  }
  const shape = declared.map((size, axis) => size ?? (axis === 0 ? batch : -1));
  if (!shape.includes(-1, 1)) return shape;
  const example = declared.map((size, axis) => size ?? (axis === 0 ? 1 : 224)).join("x");
  const dynamic = declared.map((size, axis) => size ?? (axis === 0 ? 1 : "?")).join("x");
  throw new FlotillaError(
    "CONFIG_INVALID",
    `Input "${name}" has dynamic sizes: ${shown}. Say which they shall be, e.g. --input ${name}=${example}, ` +
      `or keep them: --input ${name}=${dynamic}.`,
    { details: { input: name, declared } },
  );
}

function unsupportedLayers(label: string, layers: readonly UnsupportedLayer[]): FlotillaError {
  const lines = layers.map(({ node, operator, reason }) => `  ${node} (${operator}): ${reason}`);
  return new FlotillaError(
    "UNSUPPORTED_LAYER",
    `${label}: ${layers.length === 1 ? "a layer" : `${layers.length} layers`} cannot be converted:\n${lines.join("\n")}`,
    { details: layers.map(({ node, operator, reason }) => ({ node, operator, reason })) },
  );
}
