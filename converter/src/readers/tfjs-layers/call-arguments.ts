/**
 * What a layer is called with: the values that flow in, and every argument that is none.
 * Keras 2 writes [[layer, call, tensor, kwargs], …] (or names → such entries, for a dictionary) with values in kwargs as [layer, call, tensor] and a first argument
 * that is no value as ["_CONSTANT_VALUE", -1, argument, kwargs]; Keras 3 writes {args, kwargs} with values as objects.
 * Knows JSON only; what a reference leads to is for `topology.ts`.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { jsonFault } from "./json-fields.ts";

/** One argument. `index` counts the values of the call. A list with no value in it is a JSON value. */
export type Argument =
  | { readonly kind: "tensor"; readonly index: number }
  /** `keys`: of a dictionary, in their order. */
  | { readonly kind: "list"; readonly items: readonly Argument[]; readonly keys?: readonly string[] }
  | { readonly kind: "json"; readonly value: JsonValue };

export interface CallArguments {
  readonly positional: readonly Argument[];
  readonly named: ReadonlyMap<string, Argument>;
}

interface DecodedCall extends CallArguments {
  /** References as they are written, each with its path. */
  readonly tensors: readonly (readonly [value: JsonValue, path: string])[];
}

/** Throws FORMAT_JSON. */
export function decodeCallArguments(value: JsonValue, path: string): DecodedCall {
  const tensors: (readonly [JsonValue, string])[] = [];
  const tensor = (reference: JsonValue, at: string): Argument => {
    tensors.push([reference, at]);
    return { kind: "tensor", index: tensors.length - 1 };
  };
  if (isJsonObject(value) && "args" in value) return { ...keras3Call(value, path, tensor), tensors };
  if (isJsonObject(value)) {
    const keys = Object.keys(value).toSorted();
    const items = keras2Entries(
      keys.map((key) => value[key] ?? null),
      path,
      tensor,
    );
    return { positional: [{ kind: "list", items, keys }], named: new Map(), tensors };
  }
  if (!Array.isArray(value)) throw jsonFault(path, "a list of [layer, call, tensor]", value);
  return { ...keras2Call(value, path, tensor), tensors };
}

type TensorArgument = (reference: JsonValue, at: string) => Argument;

const keras2Entries = (entries: readonly JsonValue[], path: string, tensor: TensorArgument): readonly Argument[] =>
  entries.map((entry, index): Argument => {
    const at = `${path}[${index}]`;
    if (!Array.isArray(entry)) throw jsonFault(at, "[layer, call, tensor]", entry);
    const [layer, call, item = null] = entry;
    if (layer === "_CONSTANT_VALUE" && call === -1) return { kind: "json", value: item };
    return tensor(entry.slice(0, 3), at);
  });

function keras2Call(entries: readonly JsonValue[], path: string, tensor: TensorArgument): CallArguments {
  const first = keras2Entries(entries, path, tensor);
  const [entry] = entries;
  const extra = Array.isArray(entry) ? entry[3] : undefined;
  const named = isJsonObject(extra) ? namedArguments(extra, `${path}[0][3]`, tensor, isKeras2Reference) : new Map();
  const [single] = first;
  return { positional: first.length === 1 && single ? [single] : [{ kind: "list", items: first }], named };
}

function keras3Call(call: JsonObject, path: string, tensor: TensorArgument): CallArguments {
  const { args = [], kwargs = {} } = call;
  if (!Array.isArray(args)) throw jsonFault(`${path}.args`, "a list", args);
  if (!isJsonObject(kwargs)) throw jsonFault(`${path}.kwargs`, "an object", kwargs);
  return {
    positional: args.map((item, index) => argument(item, `${path}.args[${index}]`, tensor, keras3Reference)),
    named: namedArguments(kwargs, `${path}.kwargs`, tensor, keras3Reference),
  };
}

/** The reference that a JSON value stands for, if it stands for one. */
type ReferenceOf = (value: JsonValue) => JsonValue | undefined;

const isKeras2Reference: ReferenceOf = (value) =>
  Array.isArray(value) &&
  value.length === 3 &&
  typeof value[0] === "string" &&
  typeof value[1] === "number" &&
  typeof value[2] === "number"
    ? value
    : undefined;

const keras3Reference: ReferenceOf = (value) =>
  isJsonObject(value) && value.class_name === "__keras_tensor__" && isJsonObject(value.config)
    ? (value.config.keras_history ?? null)
    : undefined;

function namedArguments(
  values: JsonObject,
  path: string,
  tensor: TensorArgument,
  referenceOf: ReferenceOf,
): ReadonlyMap<string, Argument> {
  return new Map(
    Object.entries(values).map(([name, value]) => [name, argument(value, `${path}.${name}`, tensor, referenceOf)]),
  );
}

/** Nesting is bounded by the parser that made the value. */
function argument(value: JsonValue, path: string, tensor: TensorArgument, referenceOf: ReferenceOf): Argument {
  const reference = referenceOf(value);
  if (reference !== undefined) return tensor(reference, path);
  const keys = isJsonObject(value) && value.class_name === undefined ? Object.keys(value).toSorted() : undefined;
  const held = Array.isArray(value) ? value : isJsonObject(value) ? keys?.map((key) => value[key] ?? null) : undefined;
  if (held === undefined) return { kind: "json", value };
  const items = held.map((item, index) => argument(item, `${path}[${keys?.[index] ?? index}]`, tensor, referenceOf));
  if (items.every(({ kind }) => kind === "json")) return { kind: "json", value };
  return { kind: "list", items, ...(keys ? { keys } : {}) };
}
