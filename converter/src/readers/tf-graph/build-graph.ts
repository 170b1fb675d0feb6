/**
 * Nodes as a GraphDef writes them (inputs as text) → {@link TfGraph}: inputs by node and port, every name known and unique.
 * Inside functions a result is written `node:result:index`; both spellings are read in both places, as tfjs does.
 */

import { resultNames } from "./function-outputs.ts";
import {
  corrupt,
  parameterOp,
  type TfAttr,
  type TfFunction,
  type TfGraph,
  type TfNode,
  type TfOutput,
  tooLarge,
} from "./graph.ts";

export interface RawNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attrs: ReadonlyMap<string, TfAttr>;
}

export interface RawArgument {
  readonly name: string;
  readonly type: string;
  /** It stands for several tensors. */
  readonly list: boolean;
}

export interface RawFunction {
  readonly name: string;
  readonly parameters: readonly RawArgument[];
  readonly results: readonly RawArgument[];
  readonly nodes: readonly RawNode[];
  /** Result → `node:result:index`, or a parameter. */
  readonly returns: ReadonlyMap<string, string>;
}

export interface RawGraph {
  readonly nodes: readonly RawNode[];
  readonly functions: readonly RawFunction[];
}

/** Nodes of the graph and all its functions together; the largest published graphs have some ten thousand. */
const maxNodes = 500_000;

/** @throws FORMAT_CORRUPT, FORMAT_LIMIT */
export function buildGraph(raw: RawGraph): TfGraph {
  const count = raw.functions.reduce((sum, { nodes }) => sum + nodes.length, raw.nodes.length);
  if (count > maxNodes) throw tooLarge(`${count} nodes, the limit is ${maxNodes}`);
  const resultsOf = new Map<string, readonly string[]>();
  for (const { name, results } of raw.functions)
    resultsOf.set(
      name,
      results.map((result) => result.name),
    );
  const functions = new Map<string, TfFunction>();
  for (const one of raw.functions) {
    if (functions.has(one.name)) throw corrupt(`two functions are called "${one.name}"`);
    functions.set(one.name, buildFunction(one, resultsOf));
  }
  return { nodes: buildNodes(raw.nodes, [], resultsOf, ""), functions };
}

type ResultNames = ReadonlyMap<string, readonly string[]>;

function buildFunction(raw: RawFunction, names: ResultNames): TfFunction {
  const list = [...raw.parameters, ...raw.results].find((argument) => argument.list);
  if (list)
    throw corrupt(`the argument "${list.name}" of the function "${raw.name}" is a list, which no tracer writes`);
  const nodes = buildNodes(raw.nodes, raw.parameters, names, ` of the function "${raw.name}"`);
  const results = raw.results.map(({ name }) => {
    const text = raw.returns.get(name);
    if (text === undefined) throw corrupt(`the function "${raw.name}" does not return its result "${name}"`);
    return resolve(text, nodes, names, `the function "${raw.name}"`);
  });
  return { name: raw.name, parameters: raw.parameters.map(({ name }) => name), nodes, results };
}

function buildNodes(
  raw: readonly RawNode[],
  parameters: readonly RawArgument[],
  names: ResultNames,
  where: string,
): ReadonlyMap<string, TfNode> {
  const nodes = new Map<string, TfNode>();
  const add = (node: TfNode): void => {
    if (node.name === "" || nodes.has(node.name)) throw corrupt(`two nodes${where} are called "${node.name}"`);
    nodes.set(node.name, node);
  };
  for (const { name, type } of parameters) {
    add({ name, op: parameterOp, inputs: [], controls: [], attrs: new Map([["T", { kind: "type", value: type }]]) });
  }
  for (const { name, op, attrs } of raw) add({ name, op, inputs: [], controls: [], attrs });
  for (const { name, op, attrs, inputs } of raw) {
    const data = inputs.filter((text) => !text.startsWith("^"));
    const controls = inputs.filter((text) => text.startsWith("^")).map((text) => text.slice(1));
    const at = `"${name}" (${op})${where}`;
    nodes.set(name, { name, op, attrs, controls, inputs: data.map((text) => resolve(text, nodes, names, at)) });
  }
  return nodes;
}

/** `node`, `node:port`, `node:result:index`. */
function resolve(text: string, nodes: ReadonlyMap<string, TfNode>, names: ResultNames, at: string): TfOutput {
  const [node = "", second, third, ...rest] = text.split(":");
  const from = nodes.get(node);
  if (!from || rest.length > 0) throw corrupt(`${at} takes "${text.slice(0, 200)}", which is not there`);
  if (second === undefined) return { node, port: 0 };
  if (third === undefined && /^\d{1,6}$/.test(second)) return { node, port: Number(second) };
  if (third !== undefined && !/^\d{1,6}$/.test(third)) throw corrupt(`${at} takes "${text.slice(0, 200)}"`);
  const index = Number(third ?? 0);
  const results = names.get(from.op) ?? (Object.hasOwn(resultNames, from.op) ? resultNames[from.op] : undefined);
  if (!results) return { node, port: index };
  const place = results.indexOf(second);
  if (place < 0) throw corrupt(`${at} takes "${text.slice(0, 200)}"; ${from.op} has no result "${second}"`);
  return { node, port: place + index };
}
