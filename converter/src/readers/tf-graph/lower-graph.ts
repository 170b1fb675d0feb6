/**
 * A TensorFlow graph without calls → a model in the imported phase: one graph, NHWC, only what its outputs need.
 * Everything that cannot be converted is reported at once. Branches of TF1's Switch whose predicate is known are dead:
 * nothing behind them is looked at.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { GraphDraft, type Model, type Shape, type TensorId } from "../../ir/graph.ts";
import { reshape } from "../../ops/reshape.ts";
import { askedShapes, fixedShape } from "../lowering/fixed-shape.ts";
import { GraphBuilder } from "../lowering/graph-builder.ts";
import { attrOf, corrupt, refOf, type TfGraph, type TfNode, type TfOutput, type TfType, tooLarge } from "./graph.ts";
import { withinRange } from "./lower/narrow-integers.ts";
import { NodeRefusal, type UnsupportedNode } from "./lower/tf-lowering.ts";
import { refusalOf, tfLowerings } from "./lower/tf-lowerings.ts";
import { NodeLowering, type TensorList } from "./node-lowering.ts";
import { withGelu } from "./recognize-gelu.ts";
import { dtypeOf } from "./tensor-types.ts";

/** An input or output of the model under the name that users know. */
export interface GraphEnd {
  readonly name: string;
  readonly output: TfOutput;
  /** Where the signature says; else the placeholder does. */
  readonly type?: TfType;
  readonly shape?: Shape | null;
}

export interface LowerGraphRequest {
  /** What messages call the model. */
  readonly label: string;
  readonly graph: TfGraph;
  readonly inputs: readonly GraphEnd[];
  readonly outputs: readonly GraphEnd[];
  readonly signature?: string;
  /** Input name → whole shape. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
}

/** @throws UNSUPPORTED_OPERATOR with all nodes that cannot be converted; FORMAT_CORRUPT, FORMAT_LIMIT; CONFIG_INVALID */
export function lowerGraph(request: LowerGraphRequest): Model {
  return new GraphLowering(request).run();
}

type State =
  | { readonly kind: "made"; readonly results: readonly (TensorId | "dead" | undefined)[] }
  | { readonly kind: "dead" }
  | { readonly kind: "refused"; readonly refusals: readonly UnsupportedNode[] }
  /** It needs one that is refused. */
  | { readonly kind: "skipped" };

/** The graph, or the body of a function that is lowered where it is called. */
interface Scope {
  readonly prefix: string;
  readonly nodes: ReadonlyMap<string, TfNode>;
  /** Results that are given: inputs of the graph, arguments of a call. */
  readonly given: ReadonlyMap<string, TensorId>;
  readonly states: Map<string, State>;
}

/** Branches within branches. */
const maxScopes = 50;
/** Of loops that are written out, with everything in them. */
const maxLoweredNodes = 200_000;

class GraphLowering {
  readonly #request: LowerGraphRequest;
  readonly #draft = new GraphDraft();
  readonly #builder = new GraphBuilder(this.#draft);
  readonly #lists = new Map<TensorId, TensorList>();
  #scopes = 0;
  /** Nodes of the bodies of branches and loops, once for every time. */
  #lowered = 0;

  constructor(request: LowerGraphRequest) {
    this.#request = request;
  }

  run(): Model {
    const { graph, outputs, inputs, label, signature = "serving_default" } = this.#request;
    const given = this.#addInputs();
    const scope: Scope = { prefix: "", nodes: withGelu(graph.nodes), given, states: new Map() };
    const ends = this.#lowerAll(
      scope,
      outputs.map(({ output }) => output),
    );
    if (Array.isArray(ends)) throw unsupportedNodes(label, ends);
    for (const [at, { name }] of outputs.entries()) this.#addOutput(name, ends.tensors[at]!); // one for each
    const named = (all: readonly GraphEnd[], tensors: readonly TensorId[]) =>
      all.map(({ name }, at) => ({ name, tensor: tensors[at]! })); // one was made for each
    return {
      description: label,
      graphs: [this.#draft.freeze()],
      signatures: [
        {
          key: signature,
          graph: 0,
          inputs: named(inputs, this.#draft.inputs),
          outputs: named(outputs, this.#draft.outputs),
        },
      ],
      metadata: [],
    };
  }

  #addInputs(): ReadonlyMap<string, TensorId> {
    const { graph, inputs, inputShapes } = this.#request;
    const asked = askedShapes(
      inputs.map(({ name }) => name),
      inputShapes,
    );
    const given = new Map<string, TensorId>();
    for (const { name, output, type, shape } of inputs) {
      const node = graph.nodes.get(output.node);
      if (!node) throw corrupt(`its input "${name}" is the node "${output.node}", which is not there`);
      const found = attrOf(node, "dtype", "type") ?? type ?? "DT_FLOAT";
      const dtype = dtypeOf(found);
      if (!dtype) {
        throw new FlotillaError("UNSUPPORTED_OPERATOR", `The input "${name}" is of the type ${found}.`, {
          details: [{ node: output.node, operator: node.op, reason: `inputs of the type ${found}` }],
        });
      }
      const declared = mergedShape(attrOf(node, "shape", "shape"), shape);
      given.set(refOf(output), this.#builder.input(name, dtype, fixedShape(name, declared, asked.get(name))));
    }
    return given;
  }

  /** LiteRT gives garbage for an output that is an input, a constant or another output too: such a one is a copy. */
  #addOutput(name: string, tensor: TensorId): void {
    const { inputs, outputs } = this.#draft;
    const { dtype, shape, constant } = this.#draft.tensor(tensor);
    if (!constant && !inputs.includes(tensor) && !outputs.includes(tensor)) {
      this.#draft.setTensor(tensor, { name });
      outputs.push(tensor);
      return;
    }
    const target = this.#builder.integers(`${name}/shape`, shape);
    const copy = this.#draft.addTensor({ name, dtype, shape });
    const attributes = { newShape: shape };
    this.#draft.addNode(reshape.node({ name: `${name}/copy`, inputs: [tensor, target], outputs: [copy], attributes }));
    outputs.push(copy);
  }

  /** The tensors of these results, or everything that stands in their way. */
  #lowerAll(scope: Scope, outputs: readonly TfOutput[]): { tensors: readonly TensorId[] } | UnsupportedNode[] {
    for (const { node } of outputs) this.#lowerWhatItNeeds(scope, node);
    const tensors = outputs.flatMap((output) => {
      const value = resultOf(scope, output);
      return typeof value === "number" ? [value] : [];
    });
    if (tensors.length === outputs.length) return { tensors };
    const refusals = refusalsBehind(scope, outputs);
    if (refusals.length > 0) return refusals;
    const missing = outputs.find((output) => typeof resultOf(scope, output) !== "number");
    throw corrupt(`"${missing ? refOf(missing) : ""}" is never made: its nodes wait for each other`);
  }

  /** Depth first, without recursion: graphs are deeper than stacks. */
  #lowerWhatItNeeds(scope: Scope, root: string): void {
    const open: { readonly node: TfNode; next: number }[] = [];
    const entered = new Set<string>();
    const enter = (name: string): void => {
      if (scope.states.has(name) || entered.has(name)) return;
      const node = scope.nodes.get(name);
      if (!node) throw corrupt(`the node "${scope.prefix}${name}" is not there`);
      entered.add(name);
      open.push({ node, next: 0 });
    };
    enter(root);
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const input = top.node.inputs[top.next++];
      if (input && !scope.given.has(refOf(input))) enter(input.node);
      if (top.next <= top.node.inputs.length) continue;
      open.pop();
      scope.states.set(top.node.name, this.#lowerNode(scope, top.node));
    }
  }

  #lowerNode(scope: Scope, node: TfNode): State {
    const values = node.inputs.map((input) => resultOf(scope, input));
    if (node.op === "Merge") {
      const alive = values.flatMap((value) => (typeof value === "number" ? [value] : []));
      const one = values.every((value) => value !== undefined) && alive.length === 1;
      if (one) return { kind: "made", results: alive };
    } else if (values.includes("dead")) return { kind: "dead" };
    const refused = (reason: string, inner: readonly UnsupportedNode[] = []): State => ({
      kind: "refused",
      refusals: inner.length > 0 ? inner : [{ node: scope.prefix + node.name, operator: node.op, reason }],
    });
    const lowering = tfLowerings.get(node.op);
    if (!lowering) return refused(refusalOf(node.op));
    const inputs = values.flatMap((value) => (typeof value === "number" ? [value] : []));
    if (inputs.length < values.length) return { kind: "skipped" };
    const named = scope.prefix === "" ? node : { ...node, name: scope.prefix + node.name };
    const work = new NodeLowering(named, inputs, {
      builder: this.#builder,
      lists: this.#lists,
      call: (name, args, at) => this.#call(name, args, at),
    });
    try {
      const results = lowering.lower(work);
      return { kind: "made", results: withinRange(work, typeof results === "number" ? [results] : results) };
    } catch (thrown) {
      if (thrown instanceof NodeRefusal) return refused(thrown.reason, thrown.inner);
      // What operators' own rules refuse is the file's fault here.
      const invalid = thrown instanceof FlotillaError && thrown.code === "GRAPH_INVALID";
      throw invalid ? work.fault(thrown.message, thrown) : thrown;
    }
  }

  #call(name: string, inputs: readonly TensorId[], at: string): readonly TensorId[] {
    const callee = this.#request.graph.functions.get(name);
    if (!callee) throw corrupt(`"${at}" names the function "${name}", which is not in the library`);
    if (callee.parameters.length !== inputs.length) {
      throw corrupt(`"${at}" gives ${inputs.length} arguments to "${name}", which takes ${callee.parameters.length}`);
    }
    if (++this.#scopes > maxScopes) throw tooLarge(`branches nest deeper than ${maxScopes}`);
    const given = new Map(callee.parameters.map((parameter, place) => [`${parameter}:0`, inputs[place]!])); // as many
    const scope: Scope = { prefix: `${at}/`, nodes: callee.nodes, given, states: new Map() };
    const ends = this.#lowerAll(scope, callee.results);
    this.#scopes--;
    this.#lowered += scope.states.size;
    if (this.#lowered > maxLoweredNodes)
      throw tooLarge(`loops and branches come to more than ${maxLoweredNodes} nodes`);
    if (Array.isArray(ends)) throw new NodeRefusal("", ends);
    return ends.tensors;
  }
}

/** "dead", or undefined for one that could not be made. */
function resultOf(scope: Scope, output: TfOutput): TensorId | "dead" | undefined {
  const given = scope.given.get(refOf(output));
  if (given !== undefined) return given;
  const state = scope.states.get(output.node);
  if (state?.kind === "dead") return "dead";
  return state?.kind === "made" ? state.results[output.port] : undefined;
}

/** What cannot be converted of all that these results need, in the order of the graph. */
function refusalsBehind(scope: Scope, outputs: readonly TfOutput[]): UnsupportedNode[] {
  const seen = new Set<string>();
  const refusals = new Map<string, readonly UnsupportedNode[]>();
  const open = [...outputs];
  for (let output = open.pop(); output; output = open.pop()) {
    if (scope.given.has(refOf(output))) continue;
    const { node: name, port } = output;
    const state = scope.states.get(name);
    const node = scope.nodes.get(name);
    if (!node || !state || state.kind === "dead") continue;
    if (state.kind === "made" && state.results[port] === undefined) {
      const reason = `its result ${port} is not converted`;
      refusals.set(`${name}:${port}`, [{ node: scope.prefix + name, operator: node.op, reason }]);
    }
    if (seen.has(name)) continue;
    seen.add(name);
    if (state.kind === "refused") refusals.set(name, state.refusals);
    else if (isPartOfLoop(node.op, state.kind)) {
      refusals.set(name, [{ node: scope.prefix + name, operator: node.op, reason: refusalOf(node.op) }]);
    }
    if (state.kind !== "made") open.push(...node.inputs);
  }
  const order = new Map([...scope.nodes.keys()].map((name, at) => [name, at]));
  const placeOf = (key: string): number => order.get(key) ?? order.get(key.replace(/:\d+$/, "")) ?? 0;
  return [...refusals].sort(([a], [b]) => placeOf(a) - placeOf(b)).flatMap(([, list]) => list);
}

/** Lists and switches are converted with the loop they belong to, and named with it where that is refused. */
const isPartOfLoop = (op: string, kind: State["kind"]): boolean =>
  /^(TensorList|EmptyTensorList)/.test(op) || (op === "Switch" && kind === "skipped");

/** What the placeholder says, and the signature where the placeholder leaves it open. */
function mergedShape(own: Shape | null | undefined, signed: Shape | null | undefined): Shape | null {
  if (!own || (own.length === 0 && signed && signed.length > 0)) return signed ?? own ?? null;
  if (!signed || signed.length !== own.length) return own;
  return own.map((size, axis) => (size < 0 ? (signed[axis] ?? -1) : size));
}

function unsupportedNodes(label: string, nodes: readonly UnsupportedNode[]): FlotillaError {
  const lines = nodes.map(({ node, operator, reason }) => `  ${node} (${operator}): ${reason}`);
  const count = nodes.length === 1 ? "a node" : `${nodes.length} nodes`;
  return new FlotillaError("UNSUPPORTED_OPERATOR", `${label}: ${count} cannot be converted:\n${lines.join("\n")}`, {
    details: nodes.map((one) => ({ ...one })),
  });
}
