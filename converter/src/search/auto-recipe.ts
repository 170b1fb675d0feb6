/**
 * Carries out the search behind `auto` (`quantize/search-assignment.ts`): builds each trial, measures it in the fixed
 * build on the half of the samples that chooses, and ends with a recipe that can be saved and repeated, and a report.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { Graph } from "../ir/graph.ts";
import { isInteger, type QuantizationPlan } from "../quantize/plan.ts";
import type { Precision } from "../quantize/precision.ts";
import { isIntegerRecipe, type Recipe } from "../quantize/recipe.ts";
import {
  defaultBudget,
  type Row,
  type SearchOutcome,
  searchAssignment,
  type Trial,
} from "../quantize/search-assignment.ts";
import { type Computing, computingOf, macsByComputing, nodeCosts, workOf } from "../quantize/search-cost.ts";
import { isOnFrontier, type Score, type SearchBounds } from "../quantize/search-score.ts";
import { parseSelector } from "../quantize/selector.ts";
import type { SearchData } from "./search-data.ts";
import { TrialMeter } from "./trial-meter.ts";

/** Where neither --max-drop nor --min-sqnr asks for anything: noise of a 300th of the signal. */
export const defaultMinSqnrDb = 25;

/** What `--json` says of a search, and what people see as a table. */
export interface SearchReport {
  readonly metric: "drop" | "sqnr";
  readonly bounds: SearchBounds;
  /** Nothing was asked for, so `defaultMinSqnrDb` was. */
  readonly byDefault: boolean;
  readonly chosenOn: { readonly data: SearchData["from"]; readonly samples: number; readonly scored: number };
  readonly checkedOn: { readonly data: SearchData["from"]; readonly samples: number };
  /** Models built, of how many at most; `ended` "budget": a cheaper assignment may exist. */
  readonly builds: number;
  readonly budget: number;
  readonly ended: "found" | "budget" | "unreachable";
  /** Cheapest first: every assignment that was scored. */
  readonly table: readonly SearchRow[];
  readonly islands: readonly SearchIsland[];
}

export interface SearchRow {
  /** How many operators compute how. */
  readonly operators: Readonly<Record<string, number>>;
  readonly bytes: number;
  /** Multiply-accumulates by how they are computed. */
  readonly macs: Readonly<Record<string, number>>;
  /** Bytes and weighted work, each in multiples of the int8 model's, added: 2 is the int8 model. */
  readonly cost: number;
  readonly sqnrDb: number | null;
  readonly drop: number | null;
  /** By its own standard error. */
  readonly meets: boolean;
  /** Nothing as cheap was better. */
  readonly pareto: boolean;
  readonly chosen: boolean;
}

/** An operator that is dearer than int8. */
export interface SearchIsland {
  readonly node: string;
  readonly operator: string;
  readonly index: number;
  readonly precision: Precision;
  /** dB that the outputs lose without its island; null where that was not measured. */
  readonly gainDb: number | null;
}

export interface AutoRequest {
  readonly graph: Graph;
  /** `auto` as asked for: its overrides stand, whatever is found. */
  readonly recipe: Recipe;
  readonly ladder: readonly Precision[];
  readonly bounds: SearchBounds;
  readonly data: SearchData;
  /** Inputs and outputs are to be integers. */
  readonly integerEnds: boolean;
  /** The fixed build first: the others only measure what it does not load. */
  readonly runtimes: readonly TfliteRuntime[];
  /** The float model's file. */
  readonly float: Uint8Array;
  /** Samples that the proof takes for outputs. */
  readonly proofSamples: number;
  readonly budget?: number;
  build(recipe: Recipe): Promise<{ readonly file: Uint8Array; readonly plan: QuantizationPlan | null }>;
  progress(done: number, total: number): void;
}

export interface AutoResult {
  readonly recipe: Recipe;
  readonly report: SearchReport;
}

/** @throws PROOF_ACCURACY, PROOF_SQNR when nothing meets the bounds, with the best found */
export async function autoRecipe(request: AutoRequest): Promise<AutoResult> {
  const { graph, recipe, ladder, bounds, data, runtimes, float } = request;
  const { maxDrop, minSqnrDb } = bounds;
  const byDefault = maxDrop === null && minSqnrDb === null;
  const asked = byDefault ? { ...bounds, minSqnrDb: defaultMinSqnrDb } : bounds;
  const meter = await TrialMeter.open({ float, runtimes, dataset: data.choosing, maxDrop });
  const bench = new TrialBench(request, meter);
  const budget = request.budget ?? defaultBudget;
  const search = searchAssignment({ graph, bounds: asked, ladder, budget });
  let step = search.next();
  for (let builds = 1; !step.done; builds++) {
    request.progress(builds, budget);
    step = search.next(await bench.score(step.value));
  }
  const outcome = step.value;
  const report = describe(request, outcome, asked, meter, byDefault);
  if (!outcome.meets) throw unreachable(outcome.found, report);
  return { recipe: recipeOf(recipe, outcome.found.precisions), report };
}

/** Builds and scores. Trials that cannot be built in integers are the float model. */
class TrialBench {
  readonly #request: AutoRequest;
  readonly #meter: TrialMeter;
  readonly #costs: ReturnType<typeof nodeCosts>;
  /** Bytes of the first file scored: the int8 model's. */
  #unitBytes: number | null = null;

  constructor(request: AutoRequest, meter: TrialMeter) {
    this.#request = request;
    this.#meter = meter;
    this.#costs = nodeCosts(request.graph);
  }

  async score({ precisions, purpose }: Trial): Promise<Score> {
    const recipe = recipeOf(this.#request.recipe, precisions);
    const first = this.#unitBytes === null;
    const none = { cost: Number.MAX_VALUE, bytes: 0, computing: precisions.map(computingOf) };
    const failing = { sqnrDb: -3000, sqnrErrorDb: 0, drop: 1, dropError: 0, ...none };
    if (this.#request.integerEnds && !isIntegerRecipe(recipe)) return failing;
    let built: Awaited<ReturnType<AutoRequest["build"]>>;
    try {
      built = await this.#request.build(recipe);
    } catch (thrown) {
      const { code } = asFlotillaError(thrown);
      if (first || code !== "QUANT_OPTION") throw thrown;
      return purpose === "probe" ? { ...failing, sqnrDb: null } : failing;
    }
    const { file, plan } = built;
    this.#unitBytes ??= file.byteLength;
    const computing = plan ? computingsOf(plan) : precisions.map((precision) => computingOf(precision));
    const cost = file.byteLength / this.#unitBytes + workOf(this.#costs, computing);
    const measured = await this.#meter.measure(file, purpose).catch((thrown: unknown) => {
      if (asFlotillaError(thrown).code !== "UNSUPPORTED_RUNTIME") throw thrown;
      return failing;
    });
    return { ...measured, cost, bytes: file.byteLength, computing };
  }
}

const computingsOf = ({ nodes }: QuantizationPlan): (Computing | null)[] =>
  nodes.map((node) => (node.mode === "untouched" ? null : isInteger(node) ? node.mode : "float"));

/** The assignment as a recipe: int8 and an override for each node that has another precision; the user's own come last. */
function recipeOf({ name, overrides, blockSize }: Recipe, precisions: readonly Precision[]): Recipe {
  const [first = "int8"] = precisions;
  const precision = precisions.every((one) => one === first) ? first : "int8";
  const others = precisions.flatMap((own, at) =>
    own === precision ? [] : [{ selector: parseSelector(`index:${at}`), precision: own }],
  );
  return { name, precision, overrides: [...others, ...overrides], blockSize };
}

function describe(
  { graph, data, proofSamples, budget = defaultBudget }: AutoRequest,
  { found, meets, rows, islands, builds, budgetSpent }: SearchOutcome,
  bounds: SearchBounds,
  meter: TrialMeter,
  byDefault: boolean,
): SearchReport {
  const costs = nodeCosts(graph);
  const metric = bounds.maxDrop === null ? "sqnr" : "drop";
  const meetsBy = (row: Row) =>
    (bounds.minSqnrDb === null || row.sqnrDb === null || row.sqnrDb - row.sqnrErrorDb >= bounds.minSqnrDb) &&
    (bounds.maxDrop === null || (row.drop !== null && row.drop + row.dropError <= bounds.maxDrop));
  const table = [...rows]
    .sort((a, b) => a.cost - b.cost)
    .map(
      (row): SearchRow => ({
        operators: counted(row.computing),
        bytes: row.bytes,
        macs: macsByComputing(costs, row.computing),
        cost: row.cost,
        sqnrDb: row.sqnrDb,
        drop: row.drop,
        meets: meetsBy(row),
        pareto: isOnFrontier(row, rows, bounds),
        chosen: row === found && meets,
      }),
    );
  const mixed = new Set(found.precisions).size > 1;
  const { sqnr, accuracy } = meter.samples;
  return {
    metric,
    bounds,
    byDefault,
    chosenOn: { data: data.from, samples: data.choosing.count, scored: Math.max(sqnr, accuracy) },
    checkedOn: {
      data: data.from,
      samples: metric === "drop" ? data.held.count : Math.min(proofSamples, data.held.count),
    },
    builds,
    budget,
    ended: budgetSpent ? "budget" : meets ? "found" : "unreachable",
    table,
    islands: mixed ? islandsOf(graph, found, islands) : [],
  };
}

function islandsOf(graph: Graph, { precisions }: Row, islands: SearchOutcome["islands"]): SearchIsland[] {
  const gains = new Map(islands.flatMap(({ nodes, gainDb }) => nodes.map((at) => [at, gainDb] as const)));
  return graph.nodes.flatMap((node, index): SearchIsland[] => {
    const precision = precisions[index] ?? "int8";
    if (precision === "int8") return [];
    return [{ node: node.name, operator: node.kind, index, precision, gainDb: gains.get(index) ?? null }];
  });
}

function counted(computing: Row["computing"]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const how of computing) if (how !== null) counts.set(how, (counts.get(how) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unreachable({ sqnrDb, drop, bytes }: Row, report: SearchReport): FlotillaError {
  const { minSqnrDb, maxDrop } = report.bounds;
  const decibels = sqnrDb === null ? "identical outputs" : `${sqnrDb.toFixed(1)} dB`;
  const best = drop === null ? decibels : `${decibels} and a drop of ${drop.toFixed(4)}`;
  const wanted = maxDrop === null ? `--min-sqnr ${minSqnrDb}` : `--max-drop ${maxDrop}`;
  const why = report.ended === "budget" ? ` after all ${report.builds} builds` : "";
  return new FlotillaError(
    maxDrop === null ? "PROOF_SQNR" : "PROOF_ACCURACY",
    `auto found nothing that meets ${wanted}${why}; the best has ${best} in ${bytes} bytes. Calibrate on more data that looks like live input, or ask for less.`,
    { details: { recipe: "auto", bound: maxDrop ?? minSqnrDb, best: { sqnrDb, drop, bytes }, search: report } },
  );
}
