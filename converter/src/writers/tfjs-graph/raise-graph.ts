/**
 * The graph as TensorFlow nodes, operator by operator through the `raise` facets. Lists every operator that tfjs cannot
 * execute, not only the first. Expects a float graph behind the passes.
 */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import { defaultSignature } from "../../ir/default-signature.ts";
import {
  type Graph,
  type Model,
  type Node,
  type Signature,
  type Tensor,
  type TensorId,
  tensorOf,
} from "../../ir/graph.ts";
import { custom } from "../../ops/custom.ts";
import { isUnsupported } from "../../ops/define-op.ts";
import { useOf } from "../../ops/graph-facts.ts";
import { shapeOf, type } from "../../ops/raise/attributes.ts";
import { notRaised, type Ref, type TensorFlowDType, tensorFlowDTypeOf } from "../../ops/raise/tensorflow-nodes.ts";
import { opOf } from "../../ops/registry.ts";
import { NodeBuilder } from "./node-builder.ts";
import { nodeOf, type TensorFlowEnd, type TensorFlowGraph } from "./tensorflow-graph.ts";

/** @throws UNSUPPORTED_OPERATOR with the complete list, UNSUPPORTED_FORMAT for models of several graphs */
export function raiseGraph(model: Model): TensorFlowGraph {
  const [graph, ...others] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  if (model.signatures.some((signature) => signature.graph !== 0))
    throw new FlotillaError(
      "UNSUPPORTED_FORMAT",
      `The model has signatures in ${others.length + 1} graphs; a TFJS GraphModel is one graph.`,
      { details: { graphs: model.graphs.length } },
    );
  const signature = model.signatures[0] ?? defaultSignature(graph);
  const builder = new NodeBuilder(graph);
  const inputs = keyed(complete(signature.inputs, graph, graph.inputs), "input").map(
    ({ key, tensor }): TensorFlowEnd => {
      const { dtype, shape } = endOf(graph, tensor);
      const ref = builder.add(key, "Placeholder", [], { dtype: type(dtype), shape: shapeOf(shape) });
      builder.bind(tensor, ref);
      return { key, id: tensor, tensor: ref, dtype, shape };
    },
  );
  raiseNodes(graph, builder);
  const used = new Set<string>(inputs.map(({ tensor }) => tensor));
  const outputs = keyed(complete(signature.outputs, graph, graph.outputs), "output").map(
    ({ key, tensor }): TensorFlowEnd => {
      const { dtype, shape } = endOf(graph, tensor);
      const own = ownNode(builder, builder.refOf(tensor), tensorOf(graph, tensor), used);
      return { key, id: tensor, tensor: own, dtype, shape };
    },
  );
  return { nodes: builder.nodes, weights: builder.weights, inputs, outputs };
}

function raiseNodes(graph: Graph, builder: NodeBuilder): void {
  const refused: { node: string; operator: string; reason: string }[] = [];
  for (const node of graph.nodes) {
    try {
      const results = raised(graph, builder, node);
      for (const [i, id] of node.outputs.entries()) builder.bind(id, results[i] ?? nothing);
    } catch (thrown) {
      const error = asFlotillaError(thrown);
      if (error.code !== "UNSUPPORTED_OPERATOR") throw error;
      refused.push({ node: node.name, operator: operatorOf(node), reason: error.message });
      for (const id of node.outputs) builder.bind(id, nothing);
    }
  }
  if (refused.length === 0) return;
  const lines = refused.map(({ node, operator, reason }) => `  ${node} (${operator}): ${reason}`);
  throw new FlotillaError(
    "UNSUPPORTED_OPERATOR",
    `${refused.length} operators cannot be written for TensorFlow.js:\n${lines.join("\n")}`,
    { details: refused },
  );
}

/** Stands for a result that could not be made; nothing is written then. */
const nothing = "" as Ref; // only while the list of refusals is completed

function raised(graph: Graph, builder: NodeBuilder, node: Node): readonly Ref[] {
  const op = opOf(node.kind);
  if (!op) throw notRaised("it is not known");
  if (isUnsupported(op.raise)) throw notRaised(op.raise.unsupported);
  for (const id of [...node.inputs, ...node.outputs]) if (id !== null) refuseUnheld(tensorOf(graph, id));
  return op.raise(useOf(graph, node), builder.writerFor(node.name, node.inputs));
}

function refuseUnheld({ name, dtype, quantization, variable }: Tensor): void {
  if (quantization && quantization.scales.length > 0)
    throw notRaised(`"${name}" is quantized, and tfjs computes in float32: convert the float model`);
  if (variable) throw notRaised(`"${name}" keeps its value between runs, which tfjs graphs do not`);
  if (!tensorFlowDTypeOf(dtype)) throw notRaised(`tfjs has no ${dtype}, which "${name}" is`);
}

const operatorOf = (node: Node): string =>
  custom.is(node) ? `CUSTOM ${custom.attributesOf(node).customCode}` : node.kind;

function endOf(graph: Graph, id: TensorId): { dtype: TensorFlowDType; shape: Tensor["shape"] } {
  const tensor = tensorOf(graph, id);
  refuseUnheldEnd(tensor);
  return { dtype: tensorFlowDTypeOf(tensor.dtype) ?? "float32", shape: tensor.shape };
}

function refuseUnheldEnd(tensor: Tensor): void {
  try {
    refuseUnheld(tensor);
  } catch (thrown) {
    const reason = asFlotillaError(thrown).message;
    throw new FlotillaError("UNSUPPORTED_OPERATOR", `The model cannot be written for TensorFlow.js: ${reason}.`, {
      details: [{ node: tensor.name, operator: "", reason }],
    });
  }
}

/** The signature's ends, and those of the graph that it leaves out. */
const complete = (ends: Signature["inputs"], graph: Graph, ids: readonly TensorId[]): Signature["inputs"] => [
  ...ends,
  ...ids
    .filter((id) => !ends.some(({ tensor }) => tensor === id))
    .map((tensor) => ({ name: tensorOf(graph, tensor).name, tensor })),
];

/**
 * Keys in the signature's order. Objects put keys that look like array indices in front of all others: those get a word
 * before the number, as users of the file see the order of its JSON.
 */
function keyed(
  ends: Signature["inputs"],
  word: string,
): readonly { readonly key: string; readonly tensor: TensorId }[] {
  const taken = new Set<string>();
  return ends.map(({ name, tensor }) => {
    const base = /^\d+$/.test(name) ? `${word}_${name}` : name;
    let key = base;
    for (let i = 1; taken.has(key); i++) key = `${base}_${i}`;
    taken.add(key);
    return { key, tensor };
  });
}

/** tfjs knows outputs by node: each gets one of its own. */
function ownNode(builder: NodeBuilder, ref: Ref, tensor: Tensor, used: Set<string>): Ref {
  const isWeight = builder.weights.some(({ name }) => name === ref);
  const shared = used.has(ref) || ref !== nodeOf(ref) || isWeight;
  const own = shared ? builder.add(tensor.name === "" ? "output" : tensor.name, "Identity", [ref], {}) : ref;
  used.add(own);
  return own;
}
