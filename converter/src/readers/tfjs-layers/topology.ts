/**
 * A tree of models → the plain list of layer calls that make its outputs, in an order that can be run.
 * Nested models are dissolved; a layer that is called twice appears in two calls; what no output needs is left out.
 * Rules: tfjs-layers `engine/container.ts`. Knows what a model is, and no layer but InputLayer.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonValue } from "@flotilla/protocol/json-value";
import type { CallArguments } from "./call-arguments.ts";
import { type JsonFields, jsonFault } from "./json-fields.ts";
import type { CallRef, CallSpec, FunctionalSpec, LayerSpec, Member, ModelSpec, SequentialSpec } from "./layer-spec.ts";

/** A value that flows between layers; unique in its topology. */
export type ValueId = number;

export interface LayerCall {
  readonly layer: LayerSpec;
  /** Unique: the layer's name, with the models it lies in, and a number from its second call on. */
  readonly name: string;
  readonly inputs: readonly ValueId[];
  readonly arguments: CallArguments;
  /** As many as are asked for somewhere, and one at least. */
  readonly outputs: readonly ValueId[];
}

export interface LayersTopology {
  readonly name: string;
  /** As `model.inputNames` of tfjs has them. A size of null is dynamic. */
  readonly inputs: readonly {
    readonly name: string;
    readonly value: ValueId;
    readonly shape: readonly (number | null)[];
    readonly dtype: string;
  }[];
  /** As `model.outputNames` has them, made unique. */
  readonly outputs: readonly { readonly name: string; readonly value: ValueId }[];
  readonly calls: readonly LayerCall[];
}

/** Calls in all: models called within models multiply. */
const maxCalls = 200_000;
/** Outputs of one call; Keras' own layers have five at most, cells stacked in cells a few more. */
const maxOutputs = 1_000;

/** Throws FORMAT_CORRUPT for references that lead nowhere or in circles, FORMAT_JSON, FORMAT_LIMIT. */
export function flattenModel(model: ModelSpec): LayersTopology {
  return new Flattener().run(model);
}

class Flattener {
  readonly #inputs: LayersTopology["inputs"][number][] = [];
  readonly #calls: LayerCall[] = [];
  readonly #names = new Map<string, number>();
  #values = 0;

  run(model: ModelSpec): LayersTopology {
    const outputs = this.#expand(model, undefined, "");
    const taken = new Map<string, number>();
    const unique = (name: string): string => {
      const uses = taken.get(name) ?? 0;
      taken.set(name, uses + 1);
      return uses === 0 ? name : `${name}_${uses}`;
    };
    return {
      name: model.name,
      inputs: this.#inputs,
      outputs: outputs.map(({ layer, value }) => ({ name: unique(layer), value })),
      calls: this.#calls,
    };
  }

  /** Adds the calls of a model; without `inputs` it is the outermost and makes its own. */
  #expand(model: ModelSpec, inputs: readonly ValueId[] | undefined, scope: string): Output[] {
    return model.kind === "sequential"
      ? this.#expandSequential(model, inputs, scope)
      : this.#expandFunctional(model, inputs, scope);
  }

  #expandSequential(model: SequentialSpec, inputs: readonly ValueId[] | undefined, scope: string): Output[] {
    let current: Output | undefined;
    if (inputs !== undefined) current = { layer: model.name, value: single(inputs, model) };
    for (const [index, spec] of model.layers.entries()) {
      if (spec.kind === "layer" && spec.className === "InputLayer") {
        if (index > 0) throw corrupt(model.path, `"${spec.name}" is an InputLayer within a Sequential model`);
        current ??= { layer: spec.name, value: this.#addInput(spec.name, spec.config, inputShape(spec.config)) };
      } else if (spec.kind === "layer") {
        const shape = inputShape(spec.config) ?? model.inputShape;
        current ??= { layer: "", value: this.#addInput(`${spec.name}_input`, spec.config, shape) };
        const [value] = this.#addCall(spec, { inputs: [current.value], arguments: oneArgument, outputs: 1 }, scope);
        current = { layer: spec.name, value: value! }; // one was asked for
      } else {
        const made = this.#expand(spec, current && [current.value], `${scope}${spec.name}/`);
        current = { layer: spec.name, value: single(made, model).value };
      }
    }
    if (!current) throw corrupt(model.path, "it has no layers");
    return [current];
  }

  #expandFunctional(model: FunctionalSpec, inputs: readonly ValueId[] | undefined, scope: string): Output[] {
    const made = new Map<string, readonly ValueId[]>();
    if (inputs !== undefined && inputs.length !== model.inputs.length) {
      throw corrupt(model.path, `it takes ${model.inputs.length} inputs and is called with ${inputs.length}`);
    }
    model.inputs.forEach((ref, index) => {
      const { spec } = memberOf(model, ref);
      if (spec.kind !== "layer" || spec.className !== "InputLayer") {
        throw corrupt(model.path, `its input "${ref.layer}" is not an InputLayer`);
      }
      const value = inputs?.[index] ?? this.#addInput(spec.name, spec.config, inputShape(spec.config));
      made.set(keyOf({ layer: ref.layer, call: 0 }), [value]);
    });
    const counts = outputCounts(model);
    for (const needed of orderCalls(model)) {
      const { spec, tensors } = needed;
      const values = tensors.map((ref) => resolve(model, made, ref));
      const call = { inputs: values, arguments: needed.arguments, outputs: counts.get(keyOf(needed)) ?? 1 };
      const outputs =
        spec.kind === "layer"
          ? this.#addCall(spec, call, scope)
          : this.#expand(spec, inKeyOrder(spec, needed.arguments, values), `${scope}${spec.name}/`).map(
              ({ value }) => value,
            );
      made.set(keyOf(needed), outputs);
    }
    return model.outputs.map((ref) => ({ layer: ref.layer, value: resolve(model, made, ref) }));
  }

  #addInput(name: string, config: JsonFields, shape: JsonValue | undefined): ValueId {
    if (!Array.isArray(shape)) throw jsonFault(`${config.path}.batch_input_shape`, "a list of sizes", shape);
    const value = this.#values++;
    const sizes = shape.map((size, index) => {
      if (size === null || size === -1) return null;
      if (typeof size === "number" && Number.isSafeInteger(size) && size > 0) return size;
      throw jsonFault(`${config.path}.batch_input_shape[${index}]`, "a size or null", size);
    });
    this.#inputs.push({ name, value, shape: sizes, dtype: config.string("dtype", "float32") });
    return value;
  }

  #addCall(
    layer: LayerSpec,
    call: { readonly inputs: readonly ValueId[]; readonly arguments: CallArguments; readonly outputs: number },
    scope: string,
  ): readonly ValueId[] {
    if (this.#calls.length >= maxCalls) {
      throw new FlotillaError("FORMAT_LIMIT", `The model makes more than ${maxCalls} layer calls.`, {
        details: { limit: maxCalls },
      });
    }
    if (call.outputs > maxOutputs) {
      throw corrupt(scope + layer.name, `it is asked for its output ${call.outputs - 1}`);
    }
    const path = scope + layer.name;
    const uses = this.#names.get(path) ?? 0;
    this.#names.set(path, uses + 1);
    const outputs = Array.from({ length: call.outputs }, () => this.#values++);
    this.#calls.push({ ...call, layer, name: uses === 0 ? path : `${path}:${uses}`, outputs });
    return outputs;
  }
}

/** The values of a call in the order of the model's inputs, where they are given by name. */
function inKeyOrder(
  model: ModelSpec,
  { positional: [first] }: CallArguments,
  values: readonly ValueId[],
): readonly ValueId[] {
  if (model.kind !== "functional" || first?.kind !== "list" || first.keys === undefined) return values;
  const { items, keys } = first;
  return model.inputKeys.map((key) => {
    const item = items[keys.indexOf(key)];
    const value = item?.kind === "tensor" ? values[item.index] : undefined;
    if (value !== undefined) return value;
    throw corrupt(model.path, `it is called without its input "${key}"`);
  });
}

/** A value with the name of the layer that made it. */
interface Output {
  readonly layer: string;
  readonly value: ValueId;
}

interface NeededCall extends CallSpec {
  readonly layer: string;
  /** Position among the layer's own calls, from 0. */
  readonly call: number;
  readonly spec: LayerSpec | ModelSpec;
}

const oneArgument: CallArguments = { positional: [{ kind: "tensor", index: 0 }], named: new Map() };
const noArguments: CallArguments = { positional: [], named: new Map() };

const keyOf = ({ layer, call }: { layer: string; call: number }): string => `${call}\n${layer}`;

/** How many outputs of each call are asked for. */
function outputCounts(model: FunctionalSpec): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const refs = [...model.members.values()].flatMap(({ calls }) => calls.flatMap((call) => call.tensors));
  for (const { layer, call, tensor } of refs.concat(model.outputs)) {
    const key = keyOf({ layer, call });
    counts.set(key, Math.max(counts.get(key) ?? 1, tensor + 1));
  }
  return counts;
}

/** The calls that the outputs need, each after those it needs; in the order of the config where there is a choice. */
function orderCalls(model: FunctionalSpec): NeededCall[] {
  const states = new Map<string, "needed" | "open" | "done">();
  for (const ref of model.inputs) states.set(keyOf({ layer: ref.layer, call: 0 }), "done");
  const ordered: NeededCall[] = [];
  // An explicit stack: models of thousands of layers are deeper than the engine's own.
  const visit = (root: CallRef, emit: boolean): void => {
    const stack = [{ ref: root, next: 0 }];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const needed = lookUp(model, top.ref);
      const key = keyOf(needed);
      if (top.next === 0) {
        const state = states.get(key);
        if (state === "done" || (!emit && state === "needed")) {
          stack.pop();
          continue;
        }
        if (state === "open") throw corrupt(model.path, `"${top.ref.layer}" needs its own output`);
        states.set(key, "open");
      }
      const ref = needed.tensors[top.next];
      top.next += 1;
      if (ref) {
        stack.push({ ref, next: 0 });
        continue;
      }
      stack.pop();
      states.set(key, emit ? "done" : "needed");
      if (emit) ordered.push(needed);
    }
  };
  for (const ref of model.outputs) visit(ref, false);
  for (const [layer, member] of model.members) {
    for (const call of member.calls.keys()) {
      if (states.get(keyOf({ layer, call })) === "needed") visit({ layer, call, tensor: 0 }, true);
    }
  }
  return ordered;
}

function lookUp(model: FunctionalSpec, ref: CallRef): NeededCall {
  const member = memberOf(model, ref);
  const made = member.calls[ref.call];
  if (made) return { ...made, layer: ref.layer, call: ref.call, spec: member.spec };
  if (member.spec.kind === "layer" && member.spec.className === "InputLayer") {
    // Inputs of the model are marked done beforehand; one that is asked for and is no input feeds nothing.
    return { layer: ref.layer, call: 0, spec: member.spec, tensors: [], arguments: noArguments };
  }
  throw corrupt(model.path, `there is no call ${ref.call} of "${ref.layer}"`);
}

function resolve(model: FunctionalSpec, made: ReadonlyMap<string, readonly ValueId[]>, ref: CallRef): ValueId {
  const values = made.get(keyOf(lookUp(model, ref)));
  const value = values?.[ref.tensor];
  if (value !== undefined) return value;
  throw corrupt(model.path, `there is no output ${ref.tensor} of call ${ref.call} of "${ref.layer}"`);
}

function memberOf(model: FunctionalSpec, ref: CallRef): Member {
  const member = model.members.get(ref.layer);
  if (member) return member;
  throw corrupt(model.path, `it refers to a layer "${ref.layer}" that it does not have`);
}

/** `batch_input_shape`, or `input_shape` without the batch. */
function inputShape(config: JsonFields): JsonValue | undefined {
  const whole = config.get("batch_input_shape");
  if (whole !== undefined) return whole;
  const sample = config.get("input_shape");
  return Array.isArray(sample) ? [null, ...sample] : undefined;
}

function single<T>(values: readonly T[], model: ModelSpec): T {
  const [value] = values;
  if (values.length === 1 && value !== undefined) return value;
  throw corrupt(model.path, `a Sequential model needs one value and has ${values.length}`);
}

function corrupt(path: string, problem: string): FlotillaError {
  return new FlotillaError("FORMAT_CORRUPT", `${path}: ${problem}.`, { details: { path, problem } });
}
