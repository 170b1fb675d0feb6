/**
 * Are two models the same? Tensors are compared in the order of the graphs' maps, not by id, and constants by content.
 * Names of nodes do not count: a `.tflite` file has no place for them.
 */
import type { Graph, Model, Node, Tensor, TensorId } from "./graph.ts";

/** Where the two first differ, for a person; null when they are equal. */
export function modelDifference(a: Model, b: Model): string | null {
  const graphs = listDifference("graphs", a.graphs, b.graphs, graphDifference);
  return (
    valueDifference("description", a.description, b.description) ??
    graphs ??
    valueDifference("signatures", signaturesOf(a), signaturesOf(b)) ??
    valueDifference("metadata", a.metadata, b.metadata) ??
    valueDifference("files", [...(a.files ?? [])], [...(b.files ?? [])])
  );
}

export function graphDifference(path: string, a: Graph, b: Graph): string | null {
  const [x, y] = [placed(a), placed(b)];
  return (
    valueDifference(`${path}.name`, a.name, b.name) ??
    valueDifference(`${path}.inputs`, a.inputs.map(x), b.inputs.map(y)) ??
    valueDifference(`${path}.outputs`, a.outputs.map(x), b.outputs.map(y)) ??
    listDifference(`${path}.tensors`, [...a.tensors.values()], [...b.tensors.values()], tensorDifference) ??
    listDifference(`${path}.nodes`, a.nodes.map(portable(x)), b.nodes.map(portable(y)), valueDifference)
  );
}

type Place = (id: TensorId) => number;

function placed(graph: Graph): Place {
  const places = new Map([...graph.tensors.keys()].map((id, i) => [id, i]));
  return (id) => places.get(id) ?? -1;
}

const portable =
  (place: Place) =>
  ({ kind, inputs, outputs, attributes, intermediates = [] }: Node) => ({
    kind,
    inputs: inputs.map((id) => (id === null ? null : place(id))),
    outputs: outputs.map(place),
    attributes,
    intermediates: intermediates.map(place),
  });

const signaturesOf = ({ graphs, signatures }: Model) =>
  signatures.map(({ key, graph, inputs, outputs }) => {
    const owner = graphs[graph];
    const place: Place = owner ? placed(owner) : () => -1;
    const named = (list: typeof inputs) => list.map(({ name, tensor }) => [name, place(tensor)]);
    return { key, graph, inputs: named(inputs), outputs: named(outputs) };
  });

function tensorDifference(path: string, a: Tensor, b: Tensor): string | null {
  const facts = ({ name, dtype, shape, quantization, variable = false }: Tensor) => ({
    name,
    dtype,
    shape,
    quantization,
    variable,
  });
  return (
    valueDifference(path, facts(a), facts(b)) ??
    valueDifference(`${path}.constant`, a.constant?.bytes(), b.constant?.bytes())
  );
}

function listDifference<T>(
  path: string,
  a: readonly T[],
  b: readonly T[],
  differ: (path: string, a: T, b: T) => string | null,
): string | null {
  if (a.length !== b.length) return `${path}: ${a.length} against ${b.length}`;
  for (const [i, left] of a.entries()) {
    const difference = differ(`${path}[${i}]`, left, b[i] as T); // the lengths are equal
    if (difference) return difference;
  }
  return null;
}

function valueDifference(path: string, a: unknown, b: unknown): string | null {
  if (Object.is(a, b)) return null;
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i]) ? null : `${path}: the bytes differ`;
  if (Array.isArray(a) && Array.isArray(b)) return listDifference(path, a, b, valueDifference);
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
    if (left.length !== right.size) return `${path}: other fields`;
    for (const [key, value] of left) {
      const difference = valueDifference(`${path}.${key}`, value, right.get(key));
      if (difference) return difference;
    }
    return null;
  }
  return `${path}: ${String(a)} against ${String(b)}`;
}
