/**
 * The legal graph of each phase: the structure (`ir/verify-structure.ts`), and for every node what its operator says.
 * `imported`: what readers give; pseudo-operators (code -1) are legal. `canonical`: what optimisation gives.
 * `tflite`: what the writer takes; the quantization rules of the kernels hold. A violation is our own bug: GRAPH_INVALID.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Graph, Node } from "../ir/graph.ts";
import { invalid, verifyStructure } from "../ir/verify-structure.ts";
import type { Op } from "./define-op.ts";
import { operandsOf, resultsOf } from "./graph-facts.ts";
import { opOf } from "./registry.ts";
import { verifyQuantizedNode } from "./verify-quantized-node.ts";

export type Phase = "imported" | "canonical" | "tflite";

export function verifyGraph(graph: Graph, phase: Phase): void {
  verifyStructure(graph);
  for (const node of graph.nodes) verifyNode(graph, node, phase);
}

function verifyNode(graph: Graph, node: Node, phase: Phase): void {
  const op = opOf(node.kind);
  if (!op) throw invalid(graph, "there is no such operator", node);
  if (op.code < 0 && phase !== "imported") throw invalid(graph, `it is not legal in the phase ${phase}`, node);
  verifyAttributes(graph, node, op);
  verifyOperands(graph, node, op, phase);
  verifyResults(graph, node, op);
  if (phase === "tflite") verifyQuantizedNode(graph, node, op);
}

function verifyAttributes(graph: Graph, node: Node, op: Op): void {
  const names = Object.keys(op.attributes);
  const extra = Object.keys(node.attributes).filter((name) => !names.includes(name));
  if (extra.length > 0) throw invalid(graph, `it has the unknown attributes ${extra.join(", ")}`, node);
  for (const name of names) {
    const [found, expected] = [node.attributes[name], op.attributes[name]];
    if (typeof found !== typeof expected || Array.isArray(found) !== Array.isArray(expected))
      throw invalid(graph, `its attribute ${name} is ${found === undefined ? "missing" : `a ${typeof found}`}`, node);
  }
}

function verifyOperands(graph: Graph, node: Node, op: Op, phase: Phase): void {
  const last = op.operands.at(-1);
  const variadic = last?.role === "activations";
  if (!variadic && node.inputs.length > op.operands.length)
    throw invalid(graph, `it has ${node.inputs.length} operands, ${op.operands.length} at most`, node);
  for (const [i, role] of op.operands.entries()) {
    if (role.role === "activations" || (node.inputs[i] ?? null) !== null) continue;
    const needed = role.role === "bias" && role.inFile === true && phase === "tflite";
    if (role.optional !== true || needed) throw invalid(graph, `its operand "${role.name}" is missing`, node);
  }
}

function verifyResults(graph: Graph, node: Node, op: Op): void {
  const stored = resultsOf(graph, node);
  let results: ReturnType<Op["infer"]>;
  try {
    results = op.infer(operandsOf(graph, node), node.attributes, stored);
  } catch (thrown) {
    if (!(thrown instanceof FlotillaError)) throw thrown;
    throw invalid(graph, thrown.message.replace(/\.$/, ""), node);
  }
  if (results.length !== stored.length)
    throw invalid(graph, `it gives ${results.length} results and has ${stored.length}`, node);
  for (const [i, result] of results.entries()) {
    const found = stored[i];
    const fits =
      found?.dtype === result.dtype &&
      found.shape.length === result.shape.length &&
      result.shape.every((size, axis) => size === -1 || size === found.shape[axis]);
    if (!fits)
      throw invalid(
        graph,
        `its result ${i} is ${found?.dtype}[${found?.shape.join(", ")}] and must be ${result.dtype}[${result.shape.join(", ")}]`,
        node,
      );
  }
}
