/**
 * A graph without calls and variables → the JSON that tfjs-converter takes, its constants as weights: what a conversion is
 * proven against. Nothing is simplified on the way, so a mistake of ours cannot hide on both sides. Functions that loops and
 * branches name go with it, as its library.
 * Rules: tfjs-converter `operations/operation_mapper.ts` (transformGraph, mapFunction).
 */
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import {
  attrOf,
  parameterOp,
  type TfAttr,
  type TfFunction,
  type TfGraph,
  type TfNode,
  type TfOutput,
} from "./graph.ts";
import { narrowResultOf } from "./narrow-results.ts";
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
  EnsureShape: "Identity",
  HostConst: "Const",
  Snapshot: "Identity",
  ReadVariableOp: "Identity",
  ResourceGather: "Gather",
  ResourceGatherNd: "GatherNd",
  Rint: "Round",
};

/** Attributes that exporters leave out at TensorFlow's default, where tfjs has another default or none. */
const ones: JsonObject = { list: { i: ["1", "1", "1", "1"] } };
const fiveOnes: JsonObject = { list: { i: ["1", "1", "1", "1", "1"] } };
const epsilon: JsonObject = { f: Math.fround(1e-4) };
const defaults: Readonly<Record<string, JsonObject>> = {
  Conv2D: { dilations: ones },
  _FusedConv2D: { dilations: ones },
  Conv3D: { dilations: fiveOnes },
  DepthwiseConv2dNative: { dilations: ones },
  FusedBatchNorm: { epsilon },
  FusedBatchNormV2: { epsilon },
  FusedBatchNormV3: { epsilon },
  DepthToSpace: { data_format: { s: base64("NHWC") } },
};

interface WeightJson {
  readonly spec: JsonObject;
  readonly data: ArrayBuffer;
}

/** The part of the graph that these results need, and these placeholders. */
export function graphJson(graph: TfGraph, outputs: readonly TfOutput[], inputs: readonly TfOutput[]): GraphJson {
  const nodes = neededNodes(graph.nodes, outputs, new Set(inputs.map(({ node }) => node)));
  const called = calledFunctions(graph, nodes);
  const functions = called.map((one) => ({ name: one.name, ...bodyJson(one) }));
  const weights = [...weightsOf(nodes), ...functions.flatMap((one) => one.weights)];
  return {
    modelTopology: {
      node: nodes.flatMap(nodesJson),
      ...(functions.length > 0 ? { library: { function: functions.map(({ json }) => json) } } : {}),
      versions: { producer: 1, minConsumer: 0 },
    },
    weightSpecs: weights.map(({ spec }) => spec),
    weightData: weights.map(({ data }) => data),
  };
}

const weightsOf = (nodes: readonly TfNode[]): readonly WeightJson[] =>
  nodes.flatMap((one) => {
    const value = one.op === "Const" || one.op === "HostConst" ? attrOf(one, "value", "tensor") : undefined;
    if (!value?.constant) return [];
    const { constant, shape } = value;
    const dtype = dtypeOf(value.type) ?? "float32";
    return [{ spec: { name: one.name, shape, dtype }, data: Uint8Array.from(constant.bytes()).buffer }];
  });

/** In the graph's order. */
function neededNodes(
  nodes: ReadonlyMap<string, TfNode>,
  outputs: readonly TfOutput[],
  fed: ReadonlySet<string>,
): readonly TfNode[] {
  const needed = new Set(fed);
  const open = outputs.map(({ node }) => node);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    for (const input of nodes.get(name)?.inputs ?? []) open.push(input.node);
  }
  return [...nodes.values()]
    .filter(({ name }) => needed.has(name))
    .map((node) => (fed.has(node.name) ? { ...node, inputs: [] } : node));
}

/** Functions that these nodes name, and that those name in turn, each once. */
function calledFunctions({ functions }: TfGraph, nodes: readonly TfNode[]): readonly TfFunction[] {
  const found = new Map<string, TfFunction>();
  const open = namedFunctions(nodes);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const callee = found.has(name) ? undefined : functions.get(name);
    if (!callee) continue;
    found.set(name, callee);
    open.push(...namedFunctions([...callee.nodes.values()]));
  }
  return [...found.values()];
}

const namedFunctions = (nodes: readonly TfNode[]): string[] =>
  nodes.flatMap(({ attrs }) =>
    [...attrs.values()]
      .flatMap((attr) => (attr.kind === "list" ? attr.value : [attr]))
      .flatMap((attr) => (attr.kind === "func" ? [attr.value] : [])),
  );

/**
 * Weights are looked up by the node's name alone, so nodes are named after their function. Each result has a node of its
 * own: tfjs remembers one place of result per node.
 */
function bodyJson(callee: TfFunction): { readonly json: JsonObject; readonly weights: readonly WeightJson[] } {
  const inside = (name: string): string => `${callee.name}/${name}`;
  const { parameters, results } = callee;
  const nodes = neededNodes(callee.nodes, results, new Set())
    .filter(({ op }) => op !== parameterOp)
    .map((node) => ({
      ...node,
      name: inside(node.name),
      inputs: node.inputs.map(({ node: from, port }) => ({ node: inside(from), port })),
    }));
  const ends = results.map(({ node, port }, at) => ({
    name: inside(`result ${at}`),
    op: "Identity",
    input: [port === 0 ? inside(node) : `${inside(node)}:${port}`],
    attr: {},
  }));
  const typeOf = (name: string): string => {
    const node = callee.nodes.get(name);
    return tfjsType((node && attrOf(node, "T", "type")) ?? "DT_FLOAT");
  };
  return {
    json: {
      signature: {
        name: callee.name,
        inputArg: parameters.map((name) => ({ name: inside(name), type: typeOf(name) })),
        outputArg: ends.map((_, at) => ({ name: `result ${at}`, type: "DT_FLOAT" })),
      },
      nodeDef: [...nodes.flatMap(nodesJson), ...ends],
      ret: Object.fromEntries(ends.map(({ name }, at) => [`result ${at}`, name])),
    },
    weights: weightsOf(nodes),
  };
}

/** Narrow integers are int32 in tfjs: what goes beyond their range is brought back by a node of its own. */
function nodesJson(node: TfNode): JsonObject[] {
  const narrow = narrowResultOf(node);
  if (!narrow) return [nodeJson(node)];
  const whole = `${node.name}/whole`;
  const attr = { bits: { i: String(narrow.bits) }, signed: { b: narrow.signed } };
  return [nodeJson({ ...node, name: whole }), { name: node.name, op: "NarrowInteger", input: [whole], attr }];
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
