/**
 * Which nodes of the quantized graph belong to which layer: those between the values that both graphs have. A layer's own
 * constants, multiply-accumulates and precision follow from them.
 */
import { type Graph, type Node, type Tensor, type TensorId, tensorOf } from "../ir/graph.ts";
import { useOf } from "../ops/graph-facts.ts";
import { opOf } from "../ops/registry.ts";
import type { Pairs } from "./pairs.ts";
import { type WeightReport, weightReport } from "./weight-report.ts";

export interface LayerNodes {
  /** Float tensor → nodes of the quantized graph, the one that makes its twin first. Each node is in one layer. */
  readonly nodes: ReadonlyMap<TensorId, readonly Node[]>;
  /** Bytes of constants that each is the first to use. */
  readonly bytes: ReadonlyMap<TensorId, number>;
}

export function layerNodes(graph: Graph, pairs: Pairs): LayerNodes {
  const makers = new Map<TensorId, Node>();
  for (const node of graph.nodes) for (const id of node.outputs) makers.set(id, node);
  const paired = new Set(pairs.values());
  const claimed = new Set<Node>();
  const counted = new Set<TensorId>();
  const nodes = new Map<TensorId, readonly Node[]>();
  const bytes = new Map<TensorId, number>();
  for (const [source, twin] of pairs) {
    const own: Node[] = [];
    const waiting = [twin];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const node = makers.get(id);
      if (!node || claimed.has(node)) continue;
      claimed.add(node);
      own.push(node);
      for (const input of node.inputs) if (input !== null && !paired.has(input)) waiting.push(input);
    }
    nodes.set(source, own);
    let sum = 0;
    for (const id of own.flatMap(({ inputs }) => inputs)) {
      if (id === null || counted.has(id)) continue;
      counted.add(id);
      const { constant, quantization } = tensorOf(graph, id);
      sum += constant?.byteLength ?? 0;
      const scales = quantization?.blocks?.scales;
      if (scales !== undefined) sum += tensorOf(graph, scales).constant?.byteLength ?? 0;
    }
    bytes.set(source, sum);
  }
  return { nodes, bytes };
}

export const macsOf = (graph: Graph, nodes: readonly Node[]): number =>
  nodes.reduce((sum, node) => sum + (opOf(node.kind)?.macs(useOf(graph, node)) ?? 0), 0);

/** Trained numbers of a layer, beside those of the float layer `source` where that is the same operator. */
export function weightsOf(
  graph: Graph,
  nodes: readonly Node[],
  source: { graph: Graph; node: Node } | null,
): WeightReport[] {
  const stored = new Map<TensorId, TensorId>();
  for (const node of nodes) {
    const [input] = node.inputs;
    if (opOf(node.kind)?.border && input !== null && input !== undefined && tensorOf(graph, input).constant)
      for (const id of node.outputs) stored.set(id, input);
  }
  const found: WeightReport[] = [];
  for (const node of nodes) {
    const op = opOf(node.kind);
    if (op?.border) continue;
    for (const [position, id] of node.inputs.entries()) {
      const operand = op?.operands[Math.min(position, op.operands.length - 1)];
      if (id === null || operand?.role === "index" || operand?.role === "bias") continue;
      const tensor = tensorOf(graph, stored.get(id) ?? id);
      if (!tensor.constant) continue;
      const report = weightReport(graph, node, position, tensor, floatOf(source, node, position));
      if (report) found.push(report);
    }
  }
  return found;
}

function floatOf(
  source: { readonly graph: Graph; readonly node: Node } | null,
  node: Node,
  position: number,
): { readonly graph: Graph; readonly tensor: Tensor } | null {
  const id = source?.node.kind === node.kind ? source.node.inputs[position] : undefined;
  if (!source || id === undefined || id === null) return null;
  const tensor = tensorOf(source.graph, id);
  return tensor.constant && tensor.dtype === "float32" ? { graph: source.graph, tensor } : null;
}
