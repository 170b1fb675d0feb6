/**
 * The signature of a graph that came without one: key `serving_default`, as TensorFlow's converter writes it,
 * with the tensors' own names, made unique.
 */
import { type Graph, type Signature, type TensorId, tensorOf } from "./graph.ts";

export function defaultSignature(graph: Graph, index = 0): Signature {
  return {
    key: "serving_default",
    graph: index,
    inputs: named(graph, graph.inputs, "input"),
    outputs: named(graph, graph.outputs, "output"),
  };
}

function named(graph: Graph, ids: readonly TensorId[], fallback: string): Signature["inputs"] {
  const taken = new Set<string>();
  return ids.map((tensor) => {
    const base = tensorOf(graph, tensor).name || fallback;
    let name = base;
    for (let i = 1; taken.has(name); i++) name = `${base}_${i}`;
    taken.add(name);
    return { name, tensor };
  });
}
