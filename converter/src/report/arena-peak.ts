/** Where an inference needs the most memory, and for what: the node at which the tensors that are alive take the most bytes. */
import { type Graph, tensorOf } from "../ir/graph.ts";
import { livesOf, planArena } from "../prove/arena.ts";

/** Tensors listed; the rest is one sum. */
const listed = 12;

export interface ArenaPeak {
  /** As planned, with the gaps that placing leaves. */
  readonly bytes: number;
  /** Of the tensors alive at the peak. */
  readonly aliveBytes: number;
  readonly node: string;
  readonly operator: string;
  /** The largest ones. */
  readonly alive: readonly { readonly tensor: string; readonly bytes: number }[];
  readonly others: { readonly count: number; readonly bytes: number };
}

export function arenaPeak(graph: Graph): ArenaPeak {
  const lives = livesOf(graph);
  const change = new Float64Array(graph.nodes.length + 2);
  for (const { bytes, from, to } of lives) {
    change[from] = (change[from] ?? 0) + bytes;
    change[to + 1] = (change[to + 1] ?? 0) - bytes;
  }
  let [peak, sum, most] = [0, 0, -1];
  for (let at = 0; at < Math.max(graph.nodes.length, 1); at++) {
    sum += change[at] ?? 0;
    if (sum > most) [peak, most] = [at, sum];
  }
  const alive = lives
    .filter(({ from, to }) => from <= peak && peak <= to)
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ tensor, bytes }) => ({ tensor: tensorOf(graph, tensor).name, bytes }));
  const rest = alive.slice(listed);
  return {
    bytes: planArena(graph),
    aliveBytes: Math.max(0, most),
    node: graph.nodes[peak]?.name ?? "",
    operator: graph.nodes[peak]?.kind ?? "",
    alive: alive.slice(0, listed),
    others: { count: rest.length, bytes: rest.reduce((total, one) => total + one.bytes, 0) },
  };
}
