/**
 * Which nodes a search raises together: those that must share scales (results that are "same as" an operand) stay with
 * the maker of that operand, and neighbours are merged until there are few enough to measure one by one.
 * Dispatches on result rules only; knows neither precisions nor figures.
 */
import { type Graph, indexGraph } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { resultRulesOf } from "./operands.ts";
import type { NodeCost } from "./search-cost.ts";

/** Places of nodes, in rising order. */
export type NodeGroup = readonly number[];

/** `open`: the nodes that can be raised at all. At most `most` groups, in the order of the graph. */
export function groupNodes(
  graph: Graph,
  open: ReadonlySet<number>,
  costs: readonly NodeCost[],
  most: number,
): readonly NodeGroup[] {
  const index = indexGraph(graph);
  const place = new Map(graph.nodes.map((node, at) => [node, at]));
  const groupOf = new Map<number, number[]>();
  const groups: number[][] = [];
  for (const [at, node] of graph.nodes.entries()) {
    if (!open.has(at)) continue;
    const definition = opOf(node.kind);
    const follows = definition && resultRulesOf(definition, node).some((rule) => rule?.rule === "same-as");
    const makers = node.inputs.flatMap((id) => {
      const maker = id === null ? undefined : index.producer(id);
      return maker === undefined ? [] : [place.get(maker) ?? -1];
    });
    const own = follows ? makers.map((maker) => groupOf.get(maker)).find((group) => group !== undefined) : undefined;
    const group = own ?? [];
    if (!own) groups.push(group);
    group.push(at);
    groupOf.set(at, group);
  }
  return mergeNeighbours(groups, costs, most);
}

/** Always the two neighbours that hold the least together: large layers stay alone. */
function mergeNeighbours(groups: readonly number[][], costs: readonly NodeCost[], most: number): readonly NodeGroup[] {
  const merged = groups.map((group) => ({
    nodes: [...group],
    weight: group.reduce((sum, at) => sum + Math.log2(2 + (costs[at]?.work ?? 0)), 0),
  }));
  while (merged.length > most) {
    let least = 0;
    for (let at = 1; at + 1 < merged.length; at++) if (pairWeight(merged, at) < pairWeight(merged, least)) least = at;
    const [first, second] = merged.slice(least, least + 2);
    if (!first || !second) break;
    const nodes = [...first.nodes, ...second.nodes].sort((a, b) => a - b);
    merged.splice(least, 2, { nodes, weight: first.weight + second.weight });
  }
  return merged.map(({ nodes }) => nodes);
}

const pairWeight = (groups: readonly { readonly weight: number }[], at: number): number =>
  (groups[at]?.weight ?? 0) + (groups[at + 1]?.weight ?? 0);
