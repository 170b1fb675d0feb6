/**
 * Which variable of the checkpoint each variable of the graph is: read off the graph's own restore operations, which is
 * what TensorFlow runs when it loads the model (TF1: `save/Assign…`, TF2: `__inference__traced_restore`). Where there are
 * none, by name.
 */
import { attrOf, corrupt, type TfGraph, type TfNode, type TfOutput, type TfTensor } from "../graph.ts";
import type { SliceExtent } from "./ordered-code.ts";
import type { TensorBundle } from "./tensor-bundle.ts";

const variableOps = new Set(["VarHandleOp", "VariableV2", "Variable"]);
const passing = new Set(["Identity", "Enter", "RefIdentity", "IdentityN"]);
/** Operators that change a variable. */
const changing =
  /^(Assign|AssignVariableOp|AssignAdd.*|AssignSub.*|Resource(Scatter|Apply|StridedSliceAssign).*|Scatter(Add|Sub|Update).*)$/;

/** Values of the graph's variables, by node. */
export function variableValues(graph: TfGraph, bundle: TensorBundle): ReadonlyMap<string, TfTensor> {
  const values = new Map<string, TfTensor>();
  for (const node of graph.nodes.values()) {
    if (node.op !== "AssignVariableOp" && node.op !== "Assign") continue;
    const variable = originOf(graph, node.inputs[0]);
    const restore = originOf(graph, node.inputs[1]);
    if (!variable || !restore || !variableOps.has(variable.node.op) || values.has(variable.node.name)) continue;
    if (restore.node.op !== "RestoreV2") continue;
    const tensor = restored(graph, restore.node, restore.port, bundle);
    if (tensor) values.set(variable.node.name, tensor);
  }
  for (const node of graph.nodes.values()) {
    if (!variableOps.has(node.op) || values.has(node.name)) continue;
    const tensor = namesOf(node)
      .map((name) => bundle.tensor(name))
      .find((found) => found !== undefined);
    if (tensor) values.set(node.name, tensor);
  }
  return values;
}

const namesOf = (node: TfNode): readonly string[] => {
  const shared = attrOf(node, "shared_name", "string");
  const names = shared ? [shared, node.name] : [node.name];
  return [...names, ...names.map((name) => `${name}/.ATTRIBUTES/VARIABLE_VALUE`)];
};

/** RestoreV2: prefix, names, parts. */
function restored(graph: TfGraph, node: TfNode, port: number, bundle: TensorBundle): TfTensor | undefined {
  const [, names, parts] = node.inputs.map((input) => {
    const origin = originOf(graph, input);
    return origin && attrOf(origin.node, "value", "tensor")?.strings;
  });
  const name = names?.[port] ?? names?.at(-1);
  if (name === undefined) return undefined;
  return bundle.tensor(name, parsePart(parts?.[port] ?? parts?.at(-1) ?? "", node.name));
}

/** `10 20 0,5:-`: the whole's sizes, then for each axis a beginning and a length, or a dash. */
function parsePart(text: string, where: string): readonly SliceExtent[] | undefined {
  if (text === "") return undefined;
  const ranges = text.split(" ").at(-1)?.split(":") ?? [];
  return ranges.map((range) => {
    if (range === "-") return { start: 0, length: -1 };
    const [, start, length] = /^(\d{1,12}),(\d{1,12})$/.exec(range) ?? [];
    if (start === undefined) throw corrupt(`"${where}" restores the part "${text.slice(0, 100)}"`);
    return { start: Number(start), length: Number(length) };
  });
}

/** Where a value comes from, past nodes that pass it on. */
function originOf(
  graph: TfGraph,
  from: TfOutput | undefined,
): { readonly node: TfNode; readonly port: number } | undefined {
  let output = from;
  for (let steps = 0; output && steps < 1_000; steps++) {
    const node = graph.nodes.get(output.node);
    if (!node) return undefined;
    if (!passing.has(node.op)) return { node, port: output.port };
    output = node.inputs[node.op === "IdentityN" ? output.port : 0];
  }
  return undefined;
}

/**
 * The graph with its variables as constants: handles become the values themselves, so reading one is nothing.
 * `outputs` is what is asked for, `calls` the calls whose bodies run; a variable that changes on the way keeps its node,
 * with the reason.
 */
export function withVariablesAsConstants(
  graph: TfGraph,
  values: ReadonlyMap<string, TfTensor>,
  outputs: readonly TfOutput[],
  calls: readonly string[],
): TfGraph {
  const changed = new Map<string, string>();
  const runs = nodesThatRun(graph, outputs);
  for (const node of graph.nodes.values()) {
    if (!changing.test(node.op)) continue;
    if (!runs.has(node.name) && !calls.some((call) => node.name.startsWith(`${call}/`))) continue;
    const variable = originOf(graph, node.inputs[0]);
    if (variable) changed.set(variable.node.name, `"${node.name}" (${node.op}) changes it when the model runs`);
  }
  const nodes = new Map<string, TfNode>();
  for (const node of graph.nodes.values()) for (const one of settled(node, values, changed)) nodes.set(one.name, one);
  return { nodes, functions: graph.functions };
}

/** What these results need, and what must run before it. */
function nodesThatRun(graph: TfGraph, outputs: readonly TfOutput[]): ReadonlySet<string> {
  const found = new Set<string>();
  const open = outputs.map(({ node }) => node);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = graph.nodes.get(name);
    if (!node || found.has(name)) continue;
    found.add(name);
    open.push(...node.controls, ...node.inputs.map((input) => input.node));
  }
  return found;
}

function settled(node: TfNode, values: ReadonlyMap<string, TfTensor>, changed: ReadonlyMap<string, string>): TfNode[] {
  if (variableOps.has(node.op)) {
    const value = values.get(node.name);
    const reason = changed.get(node.name) ?? (value ? undefined : "its value is not in the checkpoint");
    if (reason !== undefined || !value) {
      return [{ ...node, attrs: new Map([...node.attrs, ["_reason", { kind: "string", value: reason ?? "" }]]) }];
    }
    const attrs = new Map([
      ["dtype", { kind: "type", value: value.type }],
      ["value", { kind: "tensor", value }],
    ] as const);
    return [{ name: node.name, op: "Const", inputs: [], controls: [], attrs }];
  }
  if (node.op === "ReadVariableOp") return [{ ...node, op: "Identity" }];
  if (node.op === "ResourceGatherNd") return [{ ...node, op: "GatherNd" }];
  if (node.op !== "ResourceGather") return [node];
  const axis = axisConstant(`${node.name}/axis`);
  return [axis, { ...node, op: "GatherV2", inputs: [...node.inputs, { node: axis.name, port: 0 }] }];
}

const zero = new Uint8Array(4);

const axisConstant = (name: string): TfNode => ({
  name,
  op: "Const",
  inputs: [],
  controls: [],
  attrs: new Map([
    ["dtype", { kind: "type", value: "DT_INT32" }],
    [
      "value",
      { kind: "tensor", value: { type: "DT_INT32", shape: [], constant: { byteLength: 4, bytes: () => zero } } },
    ],
  ] as const),
});
