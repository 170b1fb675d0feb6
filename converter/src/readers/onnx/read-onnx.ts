/**
 * An opened ONNX model → a model in the imported phase: one graph with the axes that ONNX gives it (NCHW), names of inputs
 * and outputs kept, signature "serving_default". What depends on shapes only is computed; functions and the taken branch
 * of an If are inlined. Everything that cannot be converted is reported at once.
 * Source: ONNX's IR.md and Operators.md.
 */

import { FlotillaError } from "@flotilla/protocol/errors";
import { GraphDraft, type Model, type TensorId } from "../../ir/graph.ts";
import { reshape } from "../../ops/reshape.ts";
import { byName } from "../by-name.ts";
import { askedShapes, fixedShape } from "../lowering/fixed-shape.ts";
import { GraphBuilder } from "../lowering/graph-builder.ts";
import { functionKey, type OnnxContainer } from "./container.ts";
import { OperatorRefusal } from "./lower/lowering.ts";
import { onnxLowerings } from "./lower/onnx-lowerings.ts";
import { NodeBuilder } from "./node-builder.ts";
import { Scope } from "./scope.ts";
import type { OnnxAttribute, OnnxFunction, OnnxGraph, OnnxNode } from "./source-graph.ts";
import { dtypeOfElement, elementTypeName, type OnnxTensor } from "./tensor.ts";

export interface ReadOnnxOptions {
  /** Input name → whole shape: fixes dynamic sizes. A dynamic first size not named here becomes 1. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
}

/** Those before 7 are read as far as lowerings know their meaning; they are old enough to be met in one-operator files only. */
const oldestOperatorSet = 1;
const newestOperatorSet = 22;
const maxDepth = 32;
/** Of all nodes, functions inlined. */
const maxNodes = 1_000_000;

/**
 * @throws UNSUPPORTED_OPERATOR with all nodes that cannot be converted; UNSUPPORTED_FORMAT (operator set);
 *   FORMAT_CORRUPT, FORMAT_LIMIT; CONFIG_INVALID (input shapes)
 */
export function lowerOnnx(container: OnnxContainer, options: ReadOnnxOptions = {}): Model {
  return new Lowering(container, options).run();
}

interface UnsupportedNode {
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

/** Whose nodes are lowered: the model's, or a function's, with its operator sets and the values of its attributes. */
interface Body {
  readonly operatorSets: ReadonlyMap<string, number>;
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
  readonly depth: number;
}

class Lowering {
  readonly #container: OnnxContainer;
  readonly #options: ReadOnnxOptions;
  readonly #draft = new GraphDraft();
  readonly #builder = new GraphBuilder(this.#draft);
  readonly #unsupported: UnsupportedNode[] = [];
  #nodes = 0;

  constructor(container: OnnxContainer, options: ReadOnnxOptions) {
    this.#container = container;
    this.#options = options;
  }

  run(): Model {
    const { graph, operatorSets, label } = this.#container;
    const version = operatorSets.get("");
    if (version !== undefined && (version < oldestOperatorSet || version > newestOperatorSet)) {
      throw new FlotillaError(
        "UNSUPPORTED_FORMAT",
        `${label} uses operator set ${version} of ONNX; ${oldestOperatorSet} to ${newestOperatorSet} are read. ` +
          "ONNX's version converter can change it.",
        { details: { found: version, oldest: oldestOperatorSet, newest: newestOperatorSet } },
      );
    }
    this.#draft.name = "main";
    const scope = new Scope(label);
    this.#addInputs(graph, scope);
    this.#lowerGraph(graph, scope, { operatorSets, attributes: new Map(), depth: 0 });
    const outputs = graph.outputs.map((name) => ({ name, id: scope.use(name) }));
    if (this.#unsupported.length > 0) throw unsupportedNodes(label, this.#unsupported);
    for (const { name, id } of outputs) this.#addOutput(name, id);
    const ends = (names: readonly string[], ids: readonly TensorId[]) =>
      names.map((name, at) => ({ name, tensor: ids[at]! })); // one tensor was made per name
    const inputs = graph.inputs.map(({ name }) => name);
    return {
      description: graph.name,
      graphs: [this.#draft.freeze()],
      signatures: [
        {
          key: "serving_default",
          graph: 0,
          inputs: ends(inputs, this.#draft.inputs),
          outputs: ends(graph.outputs, this.#draft.outputs),
        },
      ],
      metadata: [],
    };
  }

  #addInputs(graph: OnnxGraph, scope: Scope): void {
    const asked = askedShapes(
      graph.inputs.map(({ name }) => name),
      this.#options.inputShapes,
    );
    const sizes = new Map<string, number>();
    for (const { name, dims } of graph.inputs) {
      for (const [axis, dim] of (dims ?? []).entries()) {
        const size = asked.get(name)?.[axis] ?? (axis === 0 ? 1 : undefined);
        if (typeof dim === "string" && size !== undefined && (asked.has(name) || !sizes.has(dim))) sizes.set(dim, size);
      }
    }
    for (const { name, elementType, dims } of graph.inputs) {
      const dtype = dtypeOfElement(elementType);
      if (dtype === null) {
        const found = elementType === 0 ? "not a tensor" : `of ${elementTypeName(elementType)}`;
        this.#unsupported.push({ node: name, operator: "graph input", reason: `the input is ${found}` });
        scope.define(name, undefined);
        continue;
      }
      const declared = dims ?? asked.get(name)?.map(() => null);
      if (!declared) {
        throw new FlotillaError("CONFIG_INVALID", `Input "${name}" has no shape. Give one: --input ${name}=SHAPE.`);
      }
      const known = declared.map((dim) => (typeof dim === "string" ? (sizes.get(dim) ?? null) : dim));
      scope.define(name, this.#builder.input(name, dtype, fixedShape(name, known, asked.get(name))));
    }
  }

  /** LiteRT gives garbage for an output that is an input or another output too: such a one is a copy. */
  #addOutput(name: string, id: TensorId | null | undefined): void {
    if (id === undefined || id === null) {
      throw new FlotillaError("FORMAT_CORRUPT", `${this.#container.label}: the output "${name}" has no value.`);
    }
    const { inputs, outputs } = this.#draft;
    const { shape, dtype, constant } = this.#draft.tensor(id);
    if (!inputs.includes(id) && !outputs.includes(id) && !constant) {
      outputs.push(id);
      this.#draft.setTensor(id, { name });
      return;
    }
    const target = this.#builder.integers(`${name}/shape`, shape);
    const copy = this.#draft.addTensor({ name, dtype, shape });
    const attributes = { newShape: shape };
    this.#draft.addNode(reshape.node({ name: `${name}/copy`, inputs: [id, target], outputs: [copy], attributes }));
    outputs.push(copy);
  }

  #lowerGraph(graph: OnnxGraph, scope: Scope, body: Body): void {
    if (graph.sparse) {
      this.#unsupported.push({ node: graph.name, operator: "graph", reason: "it has sparse initializers" });
    }
    for (const tensor of graph.initializers.values()) scope.define(tensor.name, () => this.#constant(tensor));
    for (const node of graph.nodes) this.#lowerNode(node, scope, body);
  }

  #constant(tensor: OnnxTensor): TensorId | undefined {
    if (tensor.dtype === null) {
      const reason = `it is of ${elementTypeName(tensor.elementType)}`;
      this.#unsupported.push({ node: tensor.name, operator: "initializer", reason });
      return undefined;
    }
    return this.#builder.constant(tensor.name, tensor.dtype, tensor.shape, tensor.constant);
  }

  #lowerNode(node: OnnxNode, scope: Scope, body: Body): void {
    this.#nodes += 1;
    if (this.#nodes > maxNodes)
      throw new FlotillaError("FORMAT_LIMIT", `${this.#container.label} has more than ${maxNodes} nodes.`);
    const inputs = node.inputs.map((name) => (name === "" ? null : scope.use(name)));
    const results = this.#resultsOf(this.#resolved(node, body), inputs, scope, body);
    for (const [at, name] of node.outputs.entries()) {
      if (name !== "") scope.define(name, results?.[at] ?? undefined);
    }
  }

  /** Undefined where the node cannot be converted, or follows from one that cannot. */
  #resultsOf(
    node: OnnxNode,
    inputs: readonly (TensorId | null | undefined)[],
    scope: Scope,
    body: Body,
  ): readonly (TensorId | null | undefined)[] | undefined {
    const { domain, operator } = node;
    const local = this.#container.functions.get(functionKey(domain, operator));
    if (local) return this.#inlined(local, node, inputs, body);
    if (domain === "" && operator === "If") return this.#branch(node, inputs, scope, body);
    const lowering = onnxLowerings.get(domain === "" ? operator : `${domain}.${operator}`);
    if (!lowering) return this.#refuse(node, refusals.get(operator) ?? "no conversion of this operator is known");
    const known = inputs.filter((id): id is TensorId | null => id !== undefined);
    if (known.length < inputs.length) return undefined;
    const version = body.operatorSets.get(domain) ?? 1;
    const builder = new NodeBuilder({ graph: this.#builder, node, version, inputs: known });
    try {
      const lowered = lowering.lower(builder);
      return typeof lowered === "number" ? [lowered] : lowered;
    } catch (thrown) {
      if (!(thrown instanceof OperatorRefusal)) throw thrown;
      return this.#refuse(node, thrown.reason);
    }
  }

  #refuse({ name, domain, operator }: OnnxNode, reason: string): undefined {
    this.#unsupported.push({ node: name, operator: domain === "" ? operator : `${domain}.${operator}`, reason });
    return undefined;
  }

  /** Attributes that take the value of one of the function around them. */
  #resolved(node: OnnxNode, body: Body): OnnxNode {
    const attributes = [...node.attributes].flatMap(([name, attribute]): [string, OnnxAttribute][] => {
      if (attribute.kind !== "reference") return [[name, attribute]];
      const value = body.attributes.get(attribute.value);
      return value ? [[name, value]] : [];
    });
    return { ...node, attributes: new Map(attributes) };
  }

  #inlined(
    local: OnnxFunction,
    node: OnnxNode,
    inputs: readonly (TensorId | null | undefined)[],
    body: Body,
  ): readonly (TensorId | null | undefined)[] {
    const inside = new Scope(`${this.#container.label}, function ${node.operator}`);
    for (const [at, name] of local.inputs.entries())
      inside.define(name, inputs[at] ?? (at < inputs.length ? inputs[at] : null));
    const inner: Body = {
      operatorSets: local.operatorSets,
      attributes: new Map([...local.defaults, ...node.attributes]),
      depth: this.#deeper(body),
    };
    for (const one of local.nodes) this.#lowerNode({ ...one, name: `${node.name}/${one.name}` }, inside, inner);
    return local.outputs.map((name) => inside.use(name));
  }

  /** The branch of an If that is taken, where that is known. Branches have no inputs and see the names around them. */
  #branch(node: OnnxNode, inputs: readonly (TensorId | null | undefined)[], scope: Scope, body: Body) {
    const [condition] = inputs;
    if (condition === undefined || condition === null) return undefined;
    const [taken] = this.#builder.valuesOf(condition) ?? [];
    if (taken === undefined) return this.#refuse(node, "its condition is known only during a run");
    const branch = node.attributes.get(taken !== 0 ? "then_branch" : "else_branch");
    if (branch?.kind !== "graph") {
      throw new FlotillaError("FORMAT_CORRUPT", `"${node.name}" (If) lacks a branch.`);
    }
    const inside = scope.inner(`${this.#container.label}, branch of "${node.name}"`);
    this.#lowerGraph(branch.value, inside, { ...body, depth: this.#deeper(body) });
    return branch.value.outputs.map((name) => inside.use(name));
  }

  #deeper({ depth }: Body): number {
    if (depth < maxDepth) return depth + 1;
    throw new FlotillaError("FORMAT_LIMIT", `${this.#container.label}: functions and branches nest too deeply.`);
  }
}

/** Why operators are not converted that people do ask for. */
const refusals: ReadonlyMap<string, string> = byName({
  Loop: "loops are not converted; unroll it when exporting",
  Scan: "loops are not converted; unroll it when exporting",
  NonMaxSuppression: "how many boxes it gives is known only during a run; cut the model in front of it",
  NonZero: "the size of its result is known only during a run",
  Unique: "the size of its result is known only during a run",
  Compress: "the size of its result is known only during a run",
});

function unsupportedNodes(label: string, nodes: readonly UnsupportedNode[]): FlotillaError {
  const lines = nodes.map(({ node, operator, reason }) => `  ${node} (${operator}): ${reason}`);
  return new FlotillaError(
    "UNSUPPORTED_OPERATOR",
    `${label}: ${nodes.length === 1 ? "a node" : `${nodes.length} nodes`} cannot be converted:\n${lines.join("\n")}`,
    { details: nodes.map(({ node, operator, reason }) => ({ node, operator, reason })) },
  );
}
