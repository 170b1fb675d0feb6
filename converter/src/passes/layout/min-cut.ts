/**
 * Minimum cut by Dinic's algorithm on a small network of integer capacities. Vertex 0 is the source, 1 the sink.
 * Knows nothing of layouts.
 */
interface Edge {
  readonly to: number;
  capacity: number;
  readonly back: number;
}

export class FlowNetwork {
  readonly #edges: Edge[][];

  /** @param vertices how many, source and sink included */
  constructor(vertices: number) {
    this.#edges = Array.from({ length: vertices }, () => []);
  }

  addEdge(from: number, to: number, capacity: number): void {
    const [out, back] = [this.#edges[from], this.#edges[to]];
    if (!out || !back || capacity <= 0 || from === to) return;
    out.push({ to, capacity, back: back.length });
    back.push({ to: from, capacity: 0, back: out.length - 1 });
  }

  /** The vertices on the sink's side of a minimum cut. */
  sinkSide(): ReadonlySet<number> {
    for (let levels = this.#levels(); levels[1] !== -1; levels = this.#levels()) {
      const next = new Array<number>(this.#edges.length).fill(0);
      while (this.#push(levels, next));
    }
    const levels = this.#levels();
    return new Set(levels.flatMap((level, vertex) => (level === -1 ? [vertex] : [])));
  }

  /** Distances from the source over edges that have room; -1 where there is no way. */
  #levels(): number[] {
    const levels = new Array<number>(this.#edges.length).fill(-1);
    levels[0] = 0;
    const queue = [0];
    for (const vertex of queue) {
      for (const { to, capacity } of this.#edges[vertex] ?? []) {
        if (capacity <= 0 || levels[to] !== -1) continue;
        levels[to] = (levels[vertex] ?? 0) + 1;
        queue.push(to);
      }
    }
    return levels;
  }

  /** Sends flow along one shortest way, found without recursion; false when there is none left. */
  #push(levels: readonly number[], next: number[]): boolean {
    const path: Edge[] = [];
    let vertex = 0;
    while (vertex !== 1) {
      const edges = this.#edges[vertex] ?? [];
      const edge = edges[next[vertex] ?? 0];
      if (!edge) {
        const last = path.pop();
        if (!last) return false;
        vertex = this.#edges[last.to]?.[last.back]?.to ?? 0;
        next[vertex] = (next[vertex] ?? 0) + 1;
      } else if (edge.capacity > 0 && levels[edge.to] === (levels[vertex] ?? 0) + 1) {
        path.push(edge);
        vertex = edge.to;
      } else next[vertex] = (next[vertex] ?? 0) + 1;
    }
    const flow = Math.min(...path.map(({ capacity }) => capacity));
    for (const edge of path) {
      edge.capacity -= flow;
      const back = this.#edges[edge.to]?.[edge.back];
      if (back) back.capacity += flow;
    }
    return true;
  }
}
