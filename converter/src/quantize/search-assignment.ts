/**
 * The search behind the recipe `auto`: a generator that hands out assignments to be built and run, is told how each one
 * did, and ends with the cheapest that meets the bounds. all int8 → what each group of operators loses on its own → raise
 * the groups that lose most for their cost, more at a time until the bounds are met → as few of those as do → give back
 * one by one what is not needed. It runs nothing itself, so the same figures always give the same assignment.
 */
import type { Graph } from "../ir/graph.ts";
import type { Precision } from "./precision.ts";
import { computingOf, nodeCosts, shareOf, wholeOf } from "./search-cost.ts";
import { groupNodes, type NodeGroup } from "./search-groups.ts";
import { isBetter, meetsClearly, meetsJust, type Score, type SearchBounds } from "./search-score.ts";

/** Two sensitivities for each group, and as many builds again for the way to the bound and back. */
export const mostGroups = 28;
export const defaultBudget = 120;

export interface SearchRequest {
  readonly graph: Graph;
  readonly bounds: SearchBounds;
  /** Dearer ones that an operator may be given, cheapest first: of int16x8, float16 and float32. */
  readonly ladder: readonly Precision[];
  /** Models that may be built. */
  readonly budget?: number;
}

/** An assignment to be built and run. `probe`: only its signal to noise is looked at. */
export interface Trial {
  readonly precisions: readonly Precision[];
  readonly purpose: "probe" | "score";
}

/** A trial that was scored. */
export interface Row extends Score {
  readonly precisions: readonly Precision[];
}

export interface Island {
  /** Places in the graph. */
  readonly nodes: NodeGroup;
  /** Without it the outputs lose so many dB; null: not measured, the budget was spent. */
  readonly gainDb: number | null;
}

export interface SearchOutcome {
  /** The cheapest that meets the bounds, or the best there was. */
  readonly found: Row;
  readonly meets: boolean;
  readonly rows: readonly Row[];
  readonly islands: readonly Island[];
  readonly builds: number;
  /** The budget ended the search: a cheaper one may exist. */
  readonly budgetSpent: boolean;
}

/** From one precision of a group to the next. */
interface Raise {
  readonly group: number;
  readonly to: readonly Precision[];
  readonly gain: number;
  readonly cost: number;
}

type Steps<T> = Generator<Trial, T, Score>;

export function* searchAssignment(request: SearchRequest): Steps<SearchOutcome> {
  return yield* new Search(request).run();
}

class Search {
  readonly #request: SearchRequest;
  readonly #budget: number;
  readonly #rows: Row[] = [];
  readonly #known = new Map<string, Row>();
  #builds = 0;
  #spent = false;

  constructor(request: SearchRequest) {
    this.#request = request;
    this.#budget = request.budget ?? defaultBudget;
  }

  *run(): Steps<SearchOutcome> {
    const { graph, ladder } = this.#request;
    const cheapest = yield* this.#score(graph.nodes.map((): Precision => "int8"));
    if (!cheapest || this.#meets(cheapest) || ladder.length === 0) return this.#outcome([]);
    const wholes = new Map<Precision, Row>();
    for (const precision of ladder) {
      const row = yield* this.#score(graph.nodes.map(() => precision));
      if (row) wholes.set(precision, row);
      if (row && computingOf(precision) === "float" && this.#meets(row)) break; // dearer ones meet, too
    }
    const open = new Set(cheapest.computing.flatMap((how, at) => (how === null ? [] : [at])));
    const groups = groupNodes(graph, open, nodeCosts(graph), mostGroups);
    const raises = yield* this.#raises(groups, wholes);
    const met = yield* this.#enough(cheapest, groups, raises);
    if (!met) return this.#outcome([]);
    const islands = yield* this.#giveBack(met, groups, raises);
    return this.#outcome(islands);
  }

  /** null: the budget is spent. */
  *#measure(precisions: readonly Precision[], purpose: Trial["purpose"]): Steps<Score | null> {
    if (this.#builds >= this.#budget) {
      this.#spent = true;
      return null;
    }
    this.#builds++;
    return yield { precisions, purpose };
  }

  *#score(precisions: readonly Precision[]): Steps<Row | null> {
    const key = precisions.join();
    const known = this.#known.get(key);
    if (known) return known;
    const score = yield* this.#measure(precisions, "score");
    if (!score) return null;
    const row = { ...score, precisions };
    this.#known.set(key, row);
    this.#rows.push(row);
    return row;
  }

  #meets(row: Row): boolean {
    return meetsClearly(row, this.#request.bounds);
  }

  /** Every raise there is, the most noise removed for its cost first, as measured with the rest of the model in float. */
  *#raises(groups: readonly NodeGroup[], wholes: ReadonlyMap<Precision, Row>): Steps<readonly Raise[]> {
    const { graph, ladder } = this.#request;
    const costs = nodeCosts(graph);
    const whole = wholeOf(costs);
    const wide = wholes.get("int16x8");
    const float = ladder.find((precision) => computingOf(precision) === "float");
    const shared = (nodes: NodeGroup, precisions: readonly Precision[]): number =>
      nodes.reduce((sum, at, place) => {
        const cost = costs[at];
        return cost ? sum + shareOf(cost, precisions[place] ?? "float32", whole) : sum;
      }, 0);
    const raises: Raise[] = [];
    for (const [group, nodes] of groups.entries()) {
      const narrow = nodes.map((): Precision => "int8");
      const widened = nodes.map((at): Precision => (wide?.computing[at] === "int16x8" ? "int16x8" : (float ?? "int8")));
      const floated = float && nodes.map(() => float);
      const loss = yield* this.#noise(nodes, narrow);
      if (loss === null) break;
      const canWiden = widened.includes("int16x8");
      const left = canWiden ? yield* this.#noise(nodes, widened) : null;
      const base = shared(nodes, narrow);
      const raise = (to: readonly Precision[], gain: number, from: number) =>
        raises.push({ group, to, gain, cost: Math.max(shared(nodes, to) - from, 1e-9) });
      if (left !== null && left < loss) raise(widened, loss - left, base);
      if (!floated) continue;
      const wideCost = shared(nodes, widened);
      const second = left === null ? null : left / Math.max(shared(nodes, floated) - wideCost, 1e-9);
      const first = left === null ? null : (loss - left) / Math.max(wideCost - base, 1e-9);
      // Where int16 helps little for what it costs, the group goes to float at once.
      if (left === null || second === null || first === null || second >= first) {
        const at = raises.findIndex((one) => one.group === group);
        if (at >= 0) raises.splice(at, 1);
        raise(floated, loss, base);
      } else raise(floated, left, wideCost);
    }
    return raises
      .map((one, at) => ({ one, at }))
      .sort((a, b) => b.one.gain / b.one.cost - a.one.gain / a.one.cost || a.at - b.at)
      .map(({ one }) => one);
  }

  /** Noise to signal of the outputs with only this group in integers; null when the budget is spent. */
  *#noise(nodes: NodeGroup, precisions: readonly Precision[]): Steps<number | null> {
    const trial = this.#request.graph.nodes.map((): Precision => "float32");
    for (const [place, at] of nodes.entries()) trial[at] = precisions[place] ?? "float32";
    const score = yield* this.#measure(trial, "probe");
    if (!score) return null;
    return score.sqnrDb === null ? 0 : 10 ** (-score.sqnrDb / 10);
  }

  /** So many raises that the bounds are met, doubling; then as few of them as do. */
  *#enough(
    cheapest: Row,
    groups: readonly NodeGroup[],
    raises: readonly Raise[],
  ): Steps<{ row: Row; count: number } | null> {
    const take = (count: number) => raised(cheapest.precisions, groups, raises.slice(0, count));
    let [failing, met]: [number, { row: Row; count: number } | null] = [0, null];
    for (let count = 1; failing < raises.length && !met; count = Math.min(count * 2, raises.length)) {
      const row = yield* this.#score(take(count));
      if (!row) return null;
      if (this.#meets(row)) met = { row, count };
      else failing = count;
    }
    while (met && met.count - failing > 1) {
      const count = Math.floor((met.count + failing) / 2);
      const row = yield* this.#score(take(count));
      if (!row) break;
      if (this.#meets(row)) met = { row, count };
      else failing = count;
    }
    return met;
  }

  /** The least gain for its cost first: back to int8, all of a group or half of it, if the bounds hold without. */
  *#giveBack(
    { row, count }: { readonly row: Row; readonly count: number },
    groups: readonly NodeGroup[],
    raises: readonly Raise[],
  ): Steps<readonly Island[]> {
    let current = row;
    const islands: Island[] = [];
    const chosen = raises.slice(0, count).map(({ group }) => group);
    const waiting = [...new Set(chosen)].reverse().map((group) => groups[group] ?? []);
    for (let nodes = waiting.shift(); nodes; nodes = waiting.shift()) {
      const without = [...current.precisions];
      for (const at of nodes) without[at] = "int8";
      const trial = yield* this.#score(without);
      if (trial && this.#meets(trial)) current = trial;
      else if (trial && nodes.length > 1) {
        const middle = nodes.length >> 1;
        const halves = [nodes.slice(0, middle), nodes.slice(middle)];
        const results: boolean[] = [];
        for (const half of halves) {
          const kept = [...current.precisions];
          for (const at of half) kept[at] = "int8";
          const one = yield* this.#score(kept);
          results.push(one !== null && this.#meets(one));
          if (one && this.#meets(one)) current = one;
        }
        const left = halves.filter((_, at) => results[at] !== true);
        if (left.length === 1 && left[0]) waiting.unshift(left[0]);
        else islands.push({ nodes, gainDb: gainOf(current, trial) });
      } else islands.push({ nodes, gainDb: trial ? gainOf(current, trial) : null });
    }
    return islands;
  }

  #outcome(islands: readonly Island[]): SearchOutcome {
    const { bounds } = this.#request;
    const clear = this.#rows.filter((row) => meetsClearly(row, bounds));
    const just = this.#rows.filter((row) => meetsJust(row, bounds));
    const meeting = clear.length > 0 ? clear : just;
    const [first, ...others] = meeting.length > 0 ? meeting : this.#rows;
    const start = first ?? { ...nothing, precisions: [] };
    const found = others.reduce((best, row) => {
      const better = meeting.length > 0 ? row.cost < best.cost : isBetter(row, best, bounds);
      return better ? row : best;
    }, start);
    const own = islands.filter(({ nodes }) => nodes.some((at) => found.precisions[at] !== "int8"));
    return {
      found,
      meets: meeting.length > 0,
      rows: this.#rows,
      islands: own,
      builds: this.#builds,
      budgetSpent: this.#spent,
    };
  }
}

const nothing: Score = { sqnrDb: -3000, sqnrErrorDb: 0, drop: null, dropError: 0, cost: 0, bytes: 0, computing: [] };

function raised(base: readonly Precision[], groups: readonly NodeGroup[], raises: readonly Raise[]): Precision[] {
  const precisions = [...base];
  for (const { group, to } of raises)
    for (const [place, at] of (groups[group] ?? []).entries()) precisions[at] = to[place] ?? "float32";
  return precisions;
}

const gainOf = (withIt: Row, without: Row): number | null =>
  withIt.sqnrDb === null || without.sqnrDb === null ? null : withIt.sqnrDb - without.sqnrDb;
