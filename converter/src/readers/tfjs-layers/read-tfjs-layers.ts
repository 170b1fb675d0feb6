/**
 * A TFJS LayersModel → a model in the imported phase: one graph, NHWC, with the names of inputs and outputs that
 * tfjs gives them, signature "serving_default".
 * Everything that cannot be converted is reported at once.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, GraphDraft, type Model, type Shape, type TensorId } from "../../ir/graph.ts";
import { bytesOf } from "../../ir/values.ts";
import { reshape } from "../../ops/reshape.ts";
import type { FileSource } from "../file-source.ts";
import { openTfjsLayers, type TfjsLayersContainer } from "./container.ts";
import { JsonFields } from "./json-fields.ts";
import { LayerBuilder } from "./layer-builder.ts";
import { decodeModelSpec } from "./layer-spec.ts";
import { layerLowerings } from "./lower/layer-lowerings.ts";
import { type Dialect, LayerRefusal } from "./lower/lowering.ts";
import { flattenModel, type LayerCall, type LayersTopology, type ValueId } from "./topology.ts";
import { WeightStore } from "./weight-store.ts";

export interface ReadTfjsLayersOptions {
  /** Input name → whole shape, batch included: fixes dynamic sizes. A dynamic batch not named here becomes 1. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** The file that says what the model is; "model.json" unless given. */
  readonly entry?: string;
}

/**
 * Reads a LayersModel.
 * @throws what {@link openTfjsLayers} throws; UNSUPPORTED_LAYER with all layers that cannot be converted;
 *   FORMAT_JSON, FORMAT_CORRUPT, FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH; CONFIG_INVALID (input shapes)
 */
export async function readTfjsLayers(source: FileSource, options: ReadTfjsLayersOptions = {}): Promise<Model> {
  return lowerTfjsLayers(await openTfjsLayers(source, options.entry), options);
}

/** An opened container → model; for callers that also need the container, to run the source. */
export function lowerTfjsLayers(container: TfjsLayersContainer, options: ReadTfjsLayersOptions = {}): Model {
  const topology = flattenModel(decodeModelSpec(JsonFields.of(container.modelTopology, "modelTopology")));
  const graph = new Lowering(container, topology, options).run();
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

class Lowering {
  readonly #container: TfjsLayersContainer;
  readonly #topology: LayersTopology;
  readonly #options: ReadTfjsLayersOptions;
  readonly #dialect: Dialect = "tfjs";
  readonly #draft = new GraphDraft();
  readonly #weights: WeightStore;
  /** Values that have a tensor; one that follows from an unsupported layer has none. */
  readonly #tensors = new Map<ValueId, TensorId>();
  readonly #unsupported: UnsupportedLayer[] = [];

  constructor(container: TfjsLayersContainer, topology: LayersTopology, options: ReadTfjsLayersOptions) {
    this.#container = container;
    this.#topology = topology;
    this.#options = options;
    this.#weights = new WeightStore(container.weights);
  }

  run(): Graph {
    this.#draft.name = "main";
    this.#addInputs();
    for (const call of this.#topology.calls) this.#lowerCall(call);
    if (this.#unsupported.length > 0) throw unsupportedLayers(this.#container.label, this.#unsupported);
    for (const { name, value } of this.#topology.outputs) this.#addOutput(name, this.#tensorOf(value));
    const left = this.#weights.left(this.#container.weights);
    if (left.length > 0) {
      throw new FlotillaError(
        "FORMAT_WEIGHTS_MISMATCH",
        `${this.#container.label}: no layer takes the weights ${left.slice(0, 10).join(", ")}` +
          `${left.length > 10 ? ` and ${left.length - 10} more` : ""}; tfjs refuses such a model too.`,
        { details: { left } },
      );
    }
    return this.#draft.freeze();
  }

  #addInputs(): void {
    const asked = this.#options.inputShapes ?? {};
    const names = this.#topology.inputs.map(({ name }) => name);
    for (const name of Object.keys(asked)) {
      if (!names.includes(name)) {
        throw new FlotillaError("CONFIG_INVALID", `The model has no input "${name}"; its inputs: ${names.join(", ")}.`);
      }
    }
    for (const { name, value, shape, dtype } of this.#topology.inputs) {
      if (dtype !== "float32") {
        this.#unsupported.push({ node: name, operator: "InputLayer", reason: `inputs of dtype ${dtype}` });
      }
      const tensor = this.#draft.addTensor({ name, dtype: "float32", shape: fixedShape(name, shape, asked[name]) });
      this.#draft.inputs.push(tensor);
      this.#tensors.set(value, tensor);
    }
  }

  /** LiteRT gives garbage for an output that is an input or another output too: such a one is a copy. */
  #addOutput(name: string, tensor: TensorId): void {
    const { inputs, outputs } = this.#draft;
    if (!inputs.includes(tensor) && !outputs.includes(tensor)) {
      outputs.push(tensor);
      return;
    }
    const { dtype, shape } = this.#draft.tensor(tensor);
    const target = this.#draft.addConstant(`${name}/shape`, "int32", [shape.length], bytesOf("int32", shape));
    const copy = this.#draft.addTensor({ name: `${name}/copy`, dtype, shape });
    const attributes = { newShape: shape };
    this.#draft.addNode(reshape.node({ name: `${name}/copy`, inputs: [tensor, target], outputs: [copy], attributes }));
    outputs.push(copy);
  }

  #lowerCall(call: LayerCall): void {
    const reason = this.#refusal(call);
    if (reason !== undefined) {
      this.#unsupported.push({ node: call.name, operator: call.layer.className, reason });
      return;
    }
    const inputs = call.inputs.flatMap((value) => this.#tensors.get(value) ?? []);
    // What follows from an unsupported layer has no shape; its own config was looked at above.
    if (inputs.length < call.inputs.length) return;
    const { layer, name } = call;
    const builder = new LayerBuilder({
      layer,
      name,
      dialect: this.#dialect,
      inputs,
      draft: this.#draft,
      weights: this.#weights,
    });
    try {
      const output = layerLowerings.get(layer.className)!.lower(builder); // #refusal made sure of it
      if (!inputs.includes(output)) this.#draft.setTensor(output, { name });
      this.#tensors.set(call.output, output);
    } catch (thrown) {
      if (!(thrown instanceof LayerRefusal)) throw thrown;
      this.#unsupported.push({ node: name, operator: layer.className, reason: thrown.reason });
    }
  }

  #refusal({ layer, inputs, name }: LayerCall): string | undefined {
    const lowering = layerLowerings.get(layer.className);
    if (!lowering) return "no conversion of this layer is known";
    if (lowering.arity === "one" && inputs.length !== 1) {
      throw new FlotillaError(
        "FORMAT_CORRUPT",
        `"${name}" (${layer.className}) takes one input and has ${inputs.length}.`,
      );
    }
    return lowering.refuses?.(layer.config, this.#dialect, layer.className);
  }

  #tensorOf(value: ValueId): TensorId {
    const tensor = this.#tensors.get(value);
    if (tensor !== undefined) return tensor;
    throw new FlotillaError("GRAPH_INVALID", `The value ${value} was never made.`);
  }
}

/** The declared shape with its dynamic sizes fixed: the batch to 1, the others only by what the caller asked for. */
function fixedShape(name: string, declared: readonly (number | null)[], asked: readonly number[] | undefined): Shape {
  const shown = `[${declared.map((size) => size ?? "?").join(", ")}]`;
  if (asked) {
    const fits =
      asked.length === declared.length && declared.every((size, axis) => size === null || size === asked[axis]);
    if (fits && asked.every((size) => Number.isSafeInteger(size) && size > 0)) return [...asked];
    throw new FlotillaError("CONFIG_INVALID", `Input "${name}" is ${shown}; it cannot be [${asked.join(", ")}].`, {
      details: { input: name, declared, asked },
    });
  }
  const shape = declared.map((size, axis) => size ?? (axis === 0 ? 1 : -1));
  if (!shape.includes(-1)) return shape;
  throw new FlotillaError(
    "CONFIG_INVALID",
    `Input "${name}" has dynamic sizes: ${shown}. Say which they shall be, e.g. --input ${name}=${declared
      .map((size, axis) => size ?? (axis === 0 ? 1 : 224))
      .join("x")}.`,
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
