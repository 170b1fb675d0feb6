/**
 * Which value of a float graph is which in the quantized one: told by the plan that made it, or by names where the file is
 * all there is. A value that is there as integers and as floats pairs with its integers: the floats are made of those.
 */
import { type Graph, type Tensor, type TensorId, tensorOf } from "../ir/graph.ts";

/** Float tensor → the quantized graph's. Inputs of the graph may be among them. */
export type Pairs = ReadonlyMap<TensorId, TensorId>;

/** Values that exist while the graph runs: its inputs and what its nodes make. */
const valuesIn = (graph: Graph): TensorId[] =>
  [...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)].filter((id) => !tensorOf(graph, id).constant);

const sameShape = (a: Tensor, b: Tensor): boolean =>
  a.shape.length === b.shape.length && a.shape.every((size, axis) => b.shape[axis] === size);

/** Of a graph that `applyPlan` made: its twins, and the values that kept their ids. */
export function pairsOfPlan(float: Graph, quantized: Graph, twins: Pairs): Pairs {
  const made = new Set(valuesIn(quantized));
  const pairs = new Map<TensorId, TensorId>();
  for (const id of valuesIn(float)) {
    const twin = twins.get(id) ?? id;
    if (made.has(twin)) pairs.set(id, twin);
  }
  return pairs;
}

/** What our own files call integers whose name a float value has already (`quantize/apply.ts`). */
const suffixes = ["_int8", "_int16", ""];

/** By names, of equal shape; ends of the graphs also by their places. Names that several values have say nothing. */
export function pairsByName(float: Graph, quantized: Graph): Pairs {
  const named = uniqueNames(quantized);
  const pairs = new Map<TensorId, TensorId>();
  const taken = new Set<TensorId>();
  const offer = (id: TensorId, found: Tensor | undefined): boolean => {
    if (!found || pairs.has(id) || taken.has(found.id) || !sameShape(tensorOf(float, id), found)) return false;
    pairs.set(id, found.id);
    taken.add(found.id);
    return true;
  };
  for (const [name, { id }] of uniqueNames(float)) {
    for (const suffix of suffixes) if (offer(id, named.get(`${name}${suffix}`))) break;
  }
  for (const end of ["inputs", "outputs"] as const)
    if (float[end].length === quantized[end].length)
      for (const [at, id] of float[end].entries()) {
        const other = quantized[end][at];
        if (other !== undefined) offer(id, quantized.tensors.get(other));
      }
  return pairs;
}

function uniqueNames(graph: Graph): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const twice = new Set<string>();
  for (const id of new Set(valuesIn(graph))) {
    const tensor = tensorOf(graph, id);
    if (found.has(tensor.name)) twice.add(tensor.name);
    found.set(tensor.name, tensor);
  }
  for (const name of twice) found.delete(name);
  return found;
}
