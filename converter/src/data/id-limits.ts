/**
 * Which inputs are ids into tables and nothing else, and how many rows those tables have: a proof that draws ids below
 * that number looks at all of a table. Seen through what moves or casts ids, and through wrapping of negative ones.
 */
import { type Graph, type GraphIndex, indexGraph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import { cast } from "../ops/cast.ts";
import { embeddingLookup } from "../ops/embedding-lookup.ts";
import { floorMod } from "../ops/floor-mod.ts";
import { gather } from "../ops/gather.ts";
import { opOf } from "../ops/registry.ts";

/** The least number of rows of all the tables that an integer input picks from; inputs of other uses are left out. */
export function idLimits(graph: Graph): ReadonlyMap<TensorId, number> {
  const index = indexGraph(graph);
  const limits = new Map<TensorId, number>();
  for (const id of graph.inputs) {
    const limit = limitOf(graph, index, id);
    if (limit !== undefined) limits.set(id, limit);
  }
  return limits;
}

function limitOf(graph: Graph, index: GraphIndex, input: TensorId): number | undefined {
  const ids = new Set([input]);
  const rows: number[] = [];
  for (const id of ids) {
    if (graph.outputs.includes(id)) return undefined;
    for (const node of index.consumers(id)) {
      const picked = rowsPicked(graph, node, id);
      if (picked !== undefined) rows.push(picked);
      else if (passesOn(node, id)) for (const output of node.outputs) ids.add(output);
      else return undefined;
    }
  }
  return rows.length > 0 ? Math.min(...rows) : undefined;
}

/** The rows of the table that a node looks ids up in. */
function rowsPicked(graph: Graph, node: Node, id: TensorId): number | undefined {
  const [first, second] = node.inputs;
  const isGather = gather.is(node);
  const [table, indices] = isGather ? [first, second] : embeddingLookup.is(node) ? [second, first] : [];
  if (typeof table !== "number" || indices !== id || table === id) return undefined;
  const { shape } = tensorOf(graph, table);
  const rows = shape.at(isGather ? gather.attributesOf(node).axis : 0);
  return rows !== undefined && rows > 0 ? rows : undefined;
}

/** Are the results the ids themselves, in other places or of another type? */
function passesOn(node: Node, id: TensorId): boolean {
  if (cast.is(node)) return true;
  if (floorMod.is(node)) return node.inputs[0] === id && node.inputs[1] !== id;
  const op = opOf(node.kind);
  const place = node.inputs.indexOf(id);
  const isIndex = node.inputs.some((one, at) => one === id && op?.operands[at]?.role === "index");
  const carries = op?.results.every(
    (result) => result.rule === "same-as" && [op.operands[place]?.name, "activations"].includes(result.operand),
  );
  return !isIndex && carries === true;
}
