/**
 * Puts the bodies of called functions in place of the calls, bounded in depth and in nodes; recursion is refused.
 * Calls are PartitionedCall and its kin, and nodes whose operator is a function's name.
 * Functions that `If` and `While` name stay, with their own calls put in place.
 */
import {
  attrOf,
  corrupt,
  parameterOp,
  refOf,
  type TfAttr,
  type TfFunction,
  type TfFunctions,
  type TfGraph,
  type TfNode,
  type TfOutput,
  tooLarge,
} from "./graph.ts";

const callOps = new Set(["PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall"]);
/** Calls within calls; Keras models nest as deep as their layers, some ten. */
const maxDepth = 200;
/** Nodes that calls became. */
const maxNodes = 500_000;

export interface InlinedGraph {
  readonly graph: TfGraph;
  /** What a result of the graph before is now: calls are gone, their results are those of their bodies. */
  resolve(output: TfOutput): TfOutput;
}

/** @throws FORMAT_CORRUPT (recursion, an unknown function, a wrong number of arguments), FORMAT_LIMIT */
export function inlineCalls(graph: TfGraph): InlinedGraph {
  const expansion = new Expansion(graph.functions);
  const { nodes, redirects } = expansion.body(graph.nodes);
  return {
    graph: { nodes, functions: expansion },
    resolve: (output) => follow(output, redirects),
  };
}

interface Body {
  readonly nodes: ReadonlyMap<string, TfNode>;
  /** Results of calls → what they are. */
  readonly redirects: ReadonlyMap<string, TfOutput>;
}

/** Bodies are expanded when somebody asks for them: most are gone with their calls. */
class Expansion implements TfFunctions {
  readonly #functions: TfFunctions;
  readonly #expanded = new Map<string, TfFunction>();
  readonly #open = new Set<string>();
  /** Of all bodies together: each is made once, but may be large. */
  #placed = 0;

  constructor(functions: TfFunctions) {
    this.#functions = functions;
  }

  get(name: string): TfFunction {
    const known = this.#expanded.get(name);
    if (known) return known;
    const source = this.#functions.get(name);
    if (!source) throw corrupt(`it calls the function "${name}", which is not in its library`);
    if (this.#open.has(name)) throw corrupt(`the function "${name}" calls itself`);
    if (this.#open.size >= maxDepth) throw tooLarge(`calls nest deeper than ${maxDepth}`);
    this.#open.add(name);
    const { nodes, redirects } = this.body(source.nodes);
    this.#open.delete(name);
    const expanded = { ...source, nodes, results: source.results.map((output) => follow(output, redirects)) };
    this.#expanded.set(name, expanded);
    return expanded;
  }

  body(nodes: ReadonlyMap<string, TfNode>): Body {
    const made = new Map<string, TfNode>();
    const redirects = new Map<string, TfOutput>();
    for (const node of nodes.values()) {
      const callee = this.#calleeOf(node);
      if (callee === undefined) made.set(node.name, node);
      else this.#place(node, this.get(callee), made, redirects);
    }
    if (redirects.size === 0) return { nodes: made, redirects };
    for (const [name, node] of made) {
      if (!node.inputs.some((input) => redirects.has(refOf(input)))) continue;
      made.set(name, { ...node, inputs: node.inputs.map((input) => follow(input, redirects)) });
    }
    return { nodes: made, redirects };
  }

  #calleeOf(node: TfNode): string | undefined {
    if (callOps.has(node.op)) {
      const callee = attrOf(node, "f", "func");
      if (callee === undefined) throw corrupt(`the call "${node.name}" does not say of which function`);
      return callee;
    }
    return this.#functions.get(node.op) ? node.op : undefined;
  }

  #place(call: TfNode, callee: TfFunction, made: Map<string, TfNode>, redirects: Map<string, TfOutput>): void {
    const { parameters, nodes, results } = callee;
    if (call.inputs.length !== parameters.length) {
      const found = `${call.inputs.length} arguments, and "${callee.name}" takes ${parameters.length}`;
      throw corrupt(`the call "${call.name}" has ${found}`);
    }
    const given = new Map(parameters.map((parameter, at) => [parameter, call.inputs[at]]));
    const renamed = (output: TfOutput): TfOutput =>
      given.get(output.node) ?? { node: `${call.name}/${output.node}`, port: output.port };
    for (const node of nodes.values()) {
      if (node.op === parameterOp && given.has(node.name)) continue;
      const name = `${call.name}/${node.name}`;
      if (made.has(name)) throw corrupt(`two nodes are called "${name}" once calls are in place`);
      made.set(name, {
        name,
        op: node.op,
        inputs: node.inputs.map(renamed),
        controls: node.controls.filter((control) => !given.has(control)).map((control) => `${call.name}/${control}`),
        attrs: filledIn(node.attrs, call),
      });
      if (++this.#placed > maxNodes) throw tooLarge(`more than ${maxNodes} nodes once its calls are in place`);
    }
    for (const [port, result] of results.entries()) redirects.set(`${call.name}:${port}`, renamed(result));
  }
}

/** Attributes of old functions may be left open for the caller to say. */
function filledIn(attrs: ReadonlyMap<string, TfAttr>, call: TfNode): ReadonlyMap<string, TfAttr> {
  if (![...attrs.values()].some(({ kind }) => kind === "placeholder")) return attrs;
  const pairs = [...attrs].flatMap(([name, attr]): [string, TfAttr][] => {
    if (attr.kind !== "placeholder") return [[name, attr]];
    const value = call.attrs.get(attr.value);
    return value ? [[name, value]] : [];
  });
  return new Map(pairs);
}

function follow(output: TfOutput, redirects: ReadonlyMap<string, TfOutput>): TfOutput {
  let at = output;
  for (let steps = 0; steps <= redirects.size; steps++) {
    const next = redirects.get(refOf(at));
    if (!next) return at;
    at = next;
  }
  throw corrupt(`"${refOf(output)}" is made of itself`);
}
