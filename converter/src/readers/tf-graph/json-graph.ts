/**
 * A GraphDef as TFJS writes it in JSON: text in base64, 64-bit integers as text or numbers, constants without their values.
 * Rules: tfjs-converter `operations/operation_mapper.ts` (parseStringParam, parseTensorShapeParam, parseDtypeParam) and
 * protobuf's JSON mapping.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { JsonFields, jsonFault } from "../tfjs-layers/json-fields.ts";
import type { RawArgument, RawFunction, RawGraph, RawNode } from "./build-graph.ts";
import type { TfAttr, TfTensor } from "./graph.ts";
import { isTypeName, typeName } from "./tensor-types.ts";

/** Values of a Const node by its name. */
export type ConstantsOf = (node: string) => TfTensor | undefined;

/** @throws FORMAT_JSON */
export function decodeJsonGraph(topology: JsonFields, constants: ConstantsOf): RawGraph {
  const library = topology.has("library") ? topology.object("library") : undefined;
  const functions = library?.has("function") ? library.list("function") : [];
  return {
    nodes: decodeNodes(topology, "node", constants),
    functions: functions.map((value, index) =>
      decodeFunction(JsonFields.of(value, `${topology.path}.library.function[${index}]`), constants),
    ),
  };
}

function decodeNodes(fields: JsonFields, key: string, constants: ConstantsOf): RawNode[] {
  if (!fields.has(key)) return [];
  return fields.list(key).map((value, index) => {
    const node = JsonFields.of(value, `${fields.path}.${key}[${index}]`);
    const name = node.string("name");
    const op = node.string("op");
    const inputs = node.has("input") ? node.list("input").map((text) => textOf(text, `${node.path}.input`)) : [];
    const attrs = new Map<string, TfAttr>();
    if (node.has("attr")) {
      const all = node.object("attr");
      for (const [attr, one] of Object.entries(all.value)) {
        const decoded = decodeAttr(one, `${all.path}.${attr}`);
        if (decoded) attrs.set(attr, decoded);
      }
    }
    if (op === "Const") {
      const tensor = constants(name);
      if (tensor) attrs.set("value", { kind: "tensor", value: tensor });
    }
    return { name, op, inputs, attrs };
  });
}

function decodeFunction(fields: JsonFields, constants: ConstantsOf): RawFunction {
  const signature = fields.object("signature");
  const returns = new Map<string, string>();
  if (fields.has("ret")) {
    const ret = fields.object("ret");
    for (const [name, text] of Object.entries(ret.value)) returns.set(name, textOf(text, `${ret.path}.${name}`));
  }
  return {
    name: signature.string("name"),
    parameters: decodeArguments(signature, "inputArg"),
    results: decodeArguments(signature, "outputArg"),
    nodes: decodeNodes(fields, "nodeDef", constants),
    returns,
  };
}

const decodeArguments = (signature: JsonFields, key: string): RawArgument[] =>
  signature.has(key)
    ? signature.list(key).map((value, index) => {
        const argument = JsonFields.of(value, `${signature.path}.${key}[${index}]`);
        const list = argument.has("numberAttr") || argument.has("typeListAttr");
        return { name: argument.string("name"), type: argument.string("type", "DT_INVALID"), list };
      })
    : [];

function textOf(value: JsonValue, path: string): string {
  if (typeof value === "string") return value;
  throw jsonFault(path, "text", value);
}

/** An AttrValue: an object with one of the fields s, i, f, b, type, shape, tensor, list, func, placeholder. */
function decodeAttr(value: JsonValue, path: string): TfAttr | undefined {
  if (!isJsonObject(value)) throw jsonFault(path, "an attribute", value);
  const [kind, content] = Object.entries(value).find(([key]) => key !== "value") ?? [];
  if (kind === undefined || content === undefined || content === null) return undefined;
  switch (kind) {
    case "s":
      return { kind: "string", value: decodeText(content, path) };
    case "i":
      return { kind: "int", value: integerOf(content, path) };
    case "f":
      return { kind: "float", value: numberOf(content, path) };
    case "b":
      if (typeof content === "boolean") return { kind: "bool", value: content };
      throw jsonFault(path, "true or false", content);
    case "type":
      return { kind: "type", value: typeOf(content, path) };
    case "shape":
      return { kind: "shape", value: decodeShape(content, path) };
    case "tensor":
      return {
        kind: "tensor",
        value: { type: typeOf(JsonFields.of(content, path).get("dtype") ?? 0, path), shape: [] },
      };
    case "func":
      return { kind: "func", value: JsonFields.of(content, path).string("name") };
    case "placeholder":
      return { kind: "placeholder", value: textOf(content, path) };
    case "list":
      return { kind: "list", value: decodeList(JsonFields.of(content, path).value, path) };
    default:
      return undefined;
  }
}

/** A list has its values under the letter of their kind; the others may be there and empty. */
function decodeList(list: JsonObject, path: string): TfAttr[] {
  for (const [kind, values] of Object.entries(list)) {
    if (!Array.isArray(values) || values.length === 0) continue;
    return values.flatMap((one: JsonValue) => decodeAttr({ [kind]: one }, path) ?? []);
  }
  return [];
}

/** Base64 (of any alphabet), or character codes. */
function decodeText(value: JsonValue, path: string): string {
  if (Array.isArray(value) && value.every((code) => typeof code === "number")) return String.fromCharCode(...value);
  if (typeof value !== "string") throw jsonFault(path, "text in base64", value);
  try {
    return atob(value.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    throw jsonFault(path, "text in base64", value);
  }
}

function numberOf(value: JsonValue, path: string): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && (value === "NaN" || !Number.isNaN(number))) return number;
  throw jsonFault(path, "a number", value);
}

/** Seeds are beyond 2^53, and nobody here asks for them. */
function integerOf(value: JsonValue, path: string): number {
  const number = numberOf(value, path);
  if (Number.isInteger(number)) return number;
  throw jsonFault(path, "an integer", value);
}

function typeOf(value: JsonValue, path: string): string {
  if (typeof value === "number") return typeName(value);
  if (typeof value === "string" && isTypeName(value)) return value;
  throw jsonFault(path, "a type", value);
}

/** TensorShapeProto. */
export function decodeShape(value: JsonValue, path: string): number[] | null {
  const fields = JsonFields.of(value, path);
  if (fields.boolean("unknownRank", false)) return null;
  if (!fields.has("dim")) return [];
  return fields.list("dim").map((dim, axis) => {
    const size = integerOf(JsonFields.of(dim, `${path}.dim[${axis}]`).get("size") ?? 0, `${path}.dim[${axis}]`);
    if (Number.isSafeInteger(size) && size >= -1) return size;
    throw jsonFault(`${path}.dim[${axis}]`, "a size", size);
  });
}
