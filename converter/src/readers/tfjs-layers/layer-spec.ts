/**
 * The layers of a Keras model as its config describes them: a tree of models whose leaves are layers.
 * Rules: Keras 2 `Network.get_config`, tfjs-layers `engine/container.ts` and `models.ts` (fromConfig).
 * Decodes JSON in Keras 2 form (`keras2-form.ts`) and resolves no reference: that is `topology.ts`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { type CallArguments, decodeCallArguments } from "./call-arguments.ts";
import { countFromZero } from "./call-numbers.ts";
import { JsonFields, jsonFault } from "./json-fields.ts";

/** One layer, however often it is called. */
export interface LayerSpec {
  readonly kind: "layer";
  readonly className: string;
  readonly name: string;
  readonly config: JsonFields;
  /** Where the class comes from ("keras.layers", "keras.src.ops.numpy"); only Keras 3 says it. */
  readonly module?: string;
  /** The layer that this one is a part of (of a wrapper, of a cell), and the attribute that holds it in Keras. */
  readonly within?: { readonly layer: LayerSpec; readonly attribute: string };
}

/** Which output of which call of which layer. Calls are counted from 0. */
export interface CallRef {
  readonly layer: string;
  readonly call: number;
  readonly tensor: number;
}

export interface FunctionalSpec {
  readonly kind: "functional";
  readonly name: string;
  readonly path: string;
  readonly members: ReadonlyMap<string, Member>;
  readonly inputs: readonly CallRef[];
  /** What a dictionary that it is called with has for each input. */
  readonly inputKeys: readonly string[];
  readonly outputs: readonly CallRef[];
}

/** A layer or nested model in a functional model, with the inputs of each of its calls. */
export interface Member {
  readonly spec: LayerSpec | ModelSpec;
  readonly calls: readonly CallSpec[];
}

/** One call: the values that flow in, in order, and the arguments as they were given, with values named by that order. */
export interface CallSpec {
  readonly tensors: readonly CallRef[];
  readonly arguments: CallArguments;
}

export interface SequentialSpec {
  readonly kind: "sequential";
  readonly name: string;
  readonly path: string;
  readonly layers: readonly (LayerSpec | ModelSpec)[];
  /** Where the first layer does not say it (`build_input_shape`). */
  readonly inputShape?: JsonValue;
}

export type ModelSpec = FunctionalSpec | SequentialSpec;

const functionalClasses = new Set(["Model", "Functional", "LayersModel", "Container"]);

const limits = { layers: 100_000, nesting: 64 } as const;

/** Decodes `modelTopology`. Throws FORMAT_JSON, FORMAT_CORRUPT, FORMAT_LIMIT. */
export function decodeModelSpec(topology: JsonFields): ModelSpec {
  const model = topology.has("model_config") ? modelConfig(topology) : topology;
  const spec = decodeSpec(model, { layers: 0 }, 0);
  if (spec.kind !== "layer") return spec;
  throw jsonFault(`${model.path}.class_name`, "Sequential, Model or Functional", spec.className);
}

/** Keras writes the config into HDF5 as text, and some tools carry it over so. */
function modelConfig(topology: JsonFields): JsonFields {
  const config = topology.get("model_config");
  if (typeof config !== "string") return topology.object("model_config");
  throw jsonFault(`${topology.path}.model_config`, "an object", config);
}

function decodeSpec(fields: JsonFields, count: { layers: number }, depth: number): LayerSpec | ModelSpec {
  count.layers += 1;
  if (count.layers > limits.layers || depth > limits.nesting) {
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `${fields.path}: more than ${limits.layers} layers or ${limits.nesting} models inside each other.`,
      { details: { path: fields.path, ...limits } },
    );
  }
  const className = fields.string("class_name");
  if (className === "Sequential") return decodeSequential(fields, count, depth);
  const config = fields.object("config");
  if (functionalClasses.has(className) && config.has("layers")) return decodeFunctional(config, count, depth);
  return {
    kind: "layer",
    className,
    name: config.string("name", fields.string("name", "")),
    config,
    ...(fields.has("module") ? { module: fields.string("module") } : {}),
  };
}

/**
 * A layer or model that a layer's config holds: of a wrapper, of a recurrent layer.
 * Throws FORMAT_JSON, FORMAT_CORRUPT, FORMAT_LIMIT.
 */
export function decodeInner(fields: JsonFields, within: LayerSpec, attribute: string): LayerSpec | ModelSpec {
  const spec = decodeSpec(fields, { layers: 0 }, 0);
  return spec.kind === "layer" ? { ...spec, within: { layer: within, attribute } } : spec;
}

function decodeSequential(fields: JsonFields, count: { layers: number }, depth: number): SequentialSpec {
  const raw = fields.get("config");
  // Keras before 2.2 wrote the list of layers itself.
  const config = Array.isArray(raw) ? fields : fields.object("config");
  const key = Array.isArray(raw) ? "config" : "layers";
  const layers = config.list(key).map((layer, index) => {
    return decodeSpec(JsonFields.of(layer, `${config.path}.${key}[${index}]`), count, depth + 1);
  });
  if (layers.length === 0) throw jsonFault(`${config.path}.${key}`, "at least one layer", []);
  const inputShape = config.get("build_input_shape");
  return {
    kind: "sequential",
    name: config.string("name", "sequential"),
    path: fields.path,
    layers,
    ...(inputShape === undefined ? {} : { inputShape }),
  };
}

function decodeFunctional(config: JsonFields, count: { layers: number }, depth: number): FunctionalSpec {
  const members = new Map<string, Member>();
  let keras3 = false;
  config.list("layers").forEach((value, index) => {
    const fields = JsonFields.of(value, `${config.path}.layers[${index}]`);
    const name = fields.string("name", fields.object("config").string("name", ""));
    if (name === "" || members.has(name)) {
      throw new FlotillaError("FORMAT_CORRUPT", `${fields.path}: two layers are called "${name}", or it has no name.`);
    }
    const calls = fields.has("inbound_nodes") ? fields.list("inbound_nodes") : [];
    const written3 = calls.some((call) => isJsonObject(call) && "args" in call);
    keras3 ||= written3;
    const spec = decodeSpec(fields, count, depth + 1);
    members.set(name, {
      spec: spec.kind === "layer" ? { ...spec, ...operationModule(spec, written3), name: spec.name || name } : spec,
      calls: calls.map((call, n) => decodeCall(call, `${fields.path}.inbound_nodes[${n}]`)),
    });
  });
  const inputs = decodeEnds(config, "input_layers");
  return {
    kind: "functional",
    name: config.string("name", "model"),
    path: config.path,
    inputs,
    inputKeys: config.has("input_keys") ? config.list("input_keys").map(String) : inputs.map(({ layer }) => layer),
    ...countFromZero({ members, outputs: decodeEnds(config, "output_layers") }, keras3),
  };
}

/**
 * Keras 3 leaves modules out of `.h5` files, where `keras.ops.add` and the layer Add have one class name. Every layer
 * writes whether it is trainable; an operation does not.
 */
const operationModule = ({ module, config }: LayerSpec, keras3: boolean): Pick<LayerSpec, "module"> =>
  keras3 && module === undefined && !config.has("trainable") ? { module: "keras.ops" } : {};

function decodeCall(value: JsonValue, path: string): CallSpec {
  const { tensors, ...call } = decodeCallArguments(value, path);
  return { tensors: tensors.map(([item, at]) => decodeRef(item, at)), arguments: call };
}

function decodeRef(value: JsonValue, path: string): CallRef {
  if (Array.isArray(value)) {
    const [layer, call = 0, tensor = 0] = value;
    if (typeof layer === "string" && isIndex(call) && isIndex(tensor)) return { layer, call, tensor };
  }
  throw jsonFault(path, "[layer, call, tensor]", value);
}

/** Calls and outputs beyond this are no model's. */
const maxIndex = 100_000;

const isIndex = (value: JsonValue): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value < maxIndex;

/** Outputs may be lists of references, such as the states of stacked cells. */
const references = (value: JsonValue): readonly JsonValue[] =>
  Array.isArray(value) && value.some(Array.isArray) ? value.flatMap(references) : [value];

/** `input_layers`, `output_layers`. */
function decodeEnds(config: JsonFields, key: string): readonly CallRef[] {
  const path = `${config.path}.${key}`;
  const list = config.list(key).flatMap(references);
  if (list.length === 0) throw jsonFault(path, "at least one reference", list);
  return list.map((item, index) => decodeRef(item, `${path}[${index}]`));
}

/** Weights that Keras 3 calls otherwise than Keras 2 does. */
const otherNames: Readonly<Record<string, readonly string[]>> = { depthwise_kernel: ["kernel"] };

/**
 * The names under which a file may keep a layer's weight, likeliest first: with all the layers that this one is a part
 * of in front, or with some left out, but for the outermost.
 */
export function weightNames(layer: LayerSpec, weight: string): readonly string[] {
  const chain = [layer.name];
  for (let outer = layer.within?.layer; outer; outer = outer.within?.layer) chain.unshift(outer.name);
  const [outermost = "", ...inner] = chain;
  // Every choice of the names between, the longest first; wrappers in wrappers are few.
  const choices = inner
    .slice(0, 6)
    .reduce<string[][]>((made, name) => made.flatMap((choice) => [[...choice, name], choice]), [[]]);
  const scopes = choices.toSorted((a, b) => b.length - a.length).map((choice) => [outermost, ...choice].join("/"));
  return [weight, ...(otherNames[weight] ?? [])].flatMap((name) => scopes.map((scope) => `${scope}/${name}`));
}
