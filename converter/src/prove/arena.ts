/**
 * Peak working memory of one inference: places every run-time tensor in one arena, largest first, each at the lowest
 * offset that is free during its life, as TFLite's arena planner does (greedy by size, 64-byte alignment; inputs and
 * outputs live for the whole run). Kernels' own scratch memory is not in it.
 */
import { byteSize, type Graph, type TensorId, tensorOf } from "../ir/graph.ts";

const alignment = 64;

/** A tensor's bytes in the arena, and the first and last node at which it is there. */
export interface Life {
  readonly tensor: TensorId;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/** Bytes of the arena of `graph`; dynamic sizes count as 1. */
export function planArena(graph: Graph): number {
  const placed: (Life & { readonly offset: number })[] = [];
  let peak = 0;
  for (const life of livesOf(graph).sort((a, b) => b.bytes - a.bytes || a.from - b.from)) {
    const neighbours = placed
      .filter((other) => other.from <= life.to && life.from <= other.to)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (offset + life.bytes <= other.offset) break;
      offset = Math.max(offset, other.offset + other.bytes);
    }
    placed.push({ ...life, offset });
    peak = Math.max(peak, offset + life.bytes);
  }
  return peak;
}

export function livesOf(graph: Graph): Life[] {
  const last = graph.nodes.length;
  const births = new Map<TensorId, number>(graph.inputs.map((id) => [id, 0]));
  const deaths = new Map<TensorId, number>();
  const constant = new Set<TensorId>();
  for (const [id, tensor] of graph.tensors) {
    if (tensor.constant) constant.add(id);
    if (tensor.variable) births.set(id, 0);
  }
  for (const [at, node] of graph.nodes.entries()) {
    // A constant's DEQUANTIZE runs once and keeps its result.
    const once = node.inputs.every((id) => id === null || constant.has(id));
    for (const id of node.outputs) {
      births.set(id, once ? 0 : at);
      deaths.set(id, once ? last : at);
      if (once) constant.add(id);
    }
    for (const id of node.inputs) if (id !== null && deaths.get(id) !== last) deaths.set(id, at);
  }
  for (const id of [...graph.inputs, ...graph.outputs]) deaths.set(id, last);
  return [...births].map(([id, from]) => {
    const { dtype, shape, variable } = tensorOf(graph, id);
    const size = byteSize(dtype, shape.map((one) => Math.max(one, 1))); // biome-ignore format: short
    const bytes = Math.ceil(size / alignment) * alignment;
    return { tensor: id, bytes, from, to: variable ? last : (deaths.get(id) ?? from) };
  });
}
