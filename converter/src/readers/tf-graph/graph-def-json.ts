/**
 * A graph without calls and variables → the JSON that tfjs-converter takes, its constants as weights: what a conversion is
 * proven against. Nothing is simplified on the way, so a mistake of ours cannot hide on both sides.
 */
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import { attrOf, type TfAttr, type TfGraph, type TfNode, type TfOutput } from "./graph.ts";
import { dtypeOf, withoutRef } from "./tensor-types.ts";

export interface GraphJson {
  readonly modelTopology: JsonObject;
  readonly weightSpecs: readonly JsonObject[];
  readonly weightData: readonly ArrayBuffer[];
}

/** Operators that tfjs has under another name. */
const names: Readonly<Record<string, string>> = {
  BatchMatMulV3: "BatchMatMulV2",
  PreventGradient: "StopGradient",
  CheckNumerics: "Identity",
  CheckNumericsV2: "Identity",
  Inv: "Reciprocal",
  HostConst: "Const",
  Rint: "Round",
};

/** Attributes that exporters leave out at TensorFlow's default, where tfjs has another default or none. */
const ones: JsonObject = { list: { i: ["1", "1", "1", "1"] } };
const epsilon: JsonObject = { f: Math.fround(1e-4) };
const defaults: Readonly<Record<string, JsonObject>> = {
  Conv2D: { dilations: ones },
  _FusedConv2D: { dilations: ones },
  DepthwiseConv2dNative: { dilations: ones },
  FusedBatchNorm: { epsilon },
  FusedBatchNormV2: { epsilon },
  FusedBatchNormV3: { epsilon },
  DepthToSpace: { data_format: { s: base64("NHWC") } },
};

/** The part of the graph that these results need, and these placeholders. */
export function graphJson(graph: TfGraph, outputs: readonly TfOutput[], inputs: readonly TfOutput[]): GraphJson {
  const nodes = neededNodes(graph, outputs, inputs);
  const weights: { readonly spec: JsonObject; readonly data: ArrayBuffer }[] = [];
  const node = nodes.map((one) => {
    const value = one.op === "Const" || one.op === "HostConst" ? attrOf(one, "value", "tensor") : undefined;
    if (value?.constant) {
      const { constant, shape } = value;
      const dtype = dtypeOf(value.type) ?? "float32";
      weights.push({ spec: { name: one.name, shape, dtype }, data: Uint8Array.from(constant.bytes()).buffer });
    }
    return nodeJson(one);
  });
  return {
    modelTopology: { node, versions: { producer: 1, minConsumer: 0 } },
    weightSpecs: weights.map(({ spec }) => spec),
    weightData: weights.map(({ data }) => data),
  };
}

/** In the graph's order. */
function neededNodes(graph: TfGraph, outputs: readonly TfOutput[], inputs: readonly TfOutput[]): readonly TfNode[] {
  const fed = new Set(inputs.map(({ node }) => node));
  const needed = new Set(fed);
  const open = outputs.map(({ node }) => node);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    for (const input of graph.nodes.get(name)?.inputs ?? []) open.push(input.node);
  }
  return [...graph.nodes.values()]
    .filter(({ name }) => needed.has(name))
    .map((node) => (fed.has(node.name) ? { ...node, inputs: [] } : node));
}

function nodeJson({ name, op, inputs, attrs }: TfNode): JsonObject {
  const attr: Record<string, JsonValue> = { ...(Object.hasOwn(defaults, op) ? defaults[op] : {}) };
  for (const [key, value] of attrs) {
    const json = attrJson(value);
    if (json) attr[key] = json;
  }
  const input = inputs.map(({ node, port }) => (port === 0 ? node : `${node}:${port}`));
  return { name, op: Object.hasOwn(names, op) ? (names[op] ?? op) : op, input, attr };
}

function attrJson(attr: TfAttr): JsonObject | undefined {
  switch (attr.kind) {
    case "string":
      return { s: base64(attr.value) };
    case "int":
      return { i: Number.isSafeInteger(attr.value) ? String(attr.value) : "0" };
    case "float":
      return { f: Number.isFinite(attr.value) ? attr.value : String(attr.value) };
    case "bool":
      return { b: attr.value };
    case "type":
      return { type: tfjsType(attr.value) };
    case "shape":
      return {
        shape: attr.value ? { dim: attr.value.map((size) => ({ size: String(size) })) } : { unknownRank: true },
      };
    case "tensor":
      return { tensor: { dtype: tfjsType(attr.value.type), tensorShape: shapeJson(attr.value.shape) } };
    case "func":
      return { func: { name: attr.value, attr: {} } };
    case "list":
      return { list: listJson(attr.value) };
    case "placeholder":
      return undefined;
  }
}

const shapeJson = (shape: readonly number[]): JsonObject => ({ dim: shape.map((size) => ({ size: String(size) })) });

/** tfjs has float32, int32 and bool only. */
function tfjsType(type: string): string {
  const dtype = dtypeOf(type);
  if (dtype === "float32") return "DT_FLOAT";
  return dtype === "int32" ? "DT_INT32" : withoutRef(type);
}

function listJson(values: readonly TfAttr[]): JsonObject {
  const lists: Record<string, JsonValue[]> = {};
  for (const value of values) {
    const [kind, content] = Object.entries(attrJson(value) ?? {})[0] ?? [];
    if (kind === undefined || content === undefined) continue;
    lists[kind] = [...(lists[kind] ?? []), content];
  }
  return lists;
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
