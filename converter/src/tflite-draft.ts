/** A `.tflite` variant of a simplified model, as a draft: calibrated, quantized, checked against its target, laid out. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type ConvertOptions, type ConvertStage, proofSamplesOf } from "./convert-options.ts";
import type { ConvertRequest } from "./convert-request.ts";
import type { Dataset } from "./data/dataset.ts";
import type { DraftVariant } from "./draft-variant.ts";
import { digestOfPieces } from "./file-digest.ts";
import { fileFacts } from "./file-facts.ts";
import type { Model, TensorId } from "./ir/graph.ts";
import { verifyGraph } from "./ops/verify-graph.ts";
import { provableBytes } from "./prove/prove-variant.ts";
import { checkObservations } from "./quantize/check-observations.ts";
import { chooseRounding } from "./quantize/choose-rounding.ts";
import { absorbBiases, equalize } from "./quantize/equalize.ts";
import { defaultImprovements, type Improvements, improvesWeights, parseImprovements } from "./quantize/improvements.ts";
import type { Observation } from "./quantize/observers.ts";
import { type FloatOperator, floatOperatorsOf, type QuantizationPlan } from "./quantize/plan.ts";
import { draftPlan, finishPlan } from "./quantize/quantize-model.ts";
import { isIntegerRecipe, keepsNumbers, needsCalibration, needsHistograms, type Recipe } from "./quantize/recipe.ts";
import { describeRecipe } from "./quantize/recipe-document.ts";
import type { SecondMoments } from "./quantize/second-moments.ts";
import { judgeByTarget, limitsOf, refuseEnds } from "./runtime-target.ts";
import { calibrate } from "./runtimes/calibrate.ts";
import { endAxesOf } from "./runtimes/file-axes.ts";
import { gatherMoments } from "./runtimes/gather-moments.ts";
import { tfliteOpeners } from "./runtimes/variant-runner.ts";
import { type AutoResult, autoRecipe } from "./search/auto-recipe.ts";
import type { SearchData } from "./search/search-data.ts";
import type { FileContent } from "./write-files.ts";
import { recordConversion } from "./writers/tflite/conversion-metadata.ts";
import { describeModel } from "./writers/tflite/model-metadata.ts";
import { planTflite } from "./writers/tflite/write-tflite.ts";
import type { WrittenFile } from "./writers/written-file.ts";

/** Of the conversion that the variant belongs to. */
export interface TfliteDraftContext {
  readonly options: ConvertOptions;
  readonly request: ConvertRequest;
  readonly runtimes: readonly TfliteRuntime[];
  /** The build whose ranges end up in files. */
  readonly fixed: TfliteRuntime;
  /** Samples for `auto`, where it is asked for. */
  readonly search: SearchData | null;
  timed<T>(stage: ConvertStage, work: () => Promise<T>): Promise<T>;
  report(stage: ConvertStage, recipe: string, done: number, total: number): void;
}

interface Rewritten {
  readonly model: Model;
  /** What was quantized: the model, with even channels where equalization was asked for. */
  readonly float: Model;
  readonly twins: ReadonlyMap<TensorId, TensorId>;
  readonly plan: QuantizationPlan | null;
  /** About the calibration data. */
  readonly warnings: readonly string[];
}

/** @throws QUANT_*, PROOF_STRICT_INTEGER, UNSUPPORTED_OPERATOR */
export async function tfliteDraft(
  context: TfliteDraftContext,
  model: Model,
  asked: Recipe,
  calibration: Dataset | null,
  name: string,
): Promise<DraftVariant> {
  const { options, request, runtimes, timed } = context;
  const kept: Kept = {};
  const found = asked.search ? await searched(context, model, asked, calibration, name, kept) : null;
  const recipe = found?.recipe ?? asked;
  const { plan, warnings, ...quantized } = await rewrite(context, model, recipe, calibration, kept);
  const floatOperators = plan && isIntegerRecipe(recipe) ? floatOperatorsOf(plan) : [];
  if (options.strictInteger) refuseFloat(floatOperators);
  const { target } = request;
  if (target) refuseEnds(quantized.model, target);
  const verdicts = target ? judgeByTarget(quantized.model, target) : null;
  const file = await timed("write", async () => layOut(options, quantized.model, recipe, name));
  const path = `${name}-${recipe.name}.tflite`;
  const [graph] = model.graphs;
  return {
    described: {
      format: "tflite",
      ...fileFacts(quantized.model, graph ? endAxesOf(graph) : undefined),
      recipeDocument: describeRecipe(recipe),
      precisions: plan ? countedPrecisions(plan) : {},
      target: target && verdicts ? { name: target.name, operators: verdicts } : null,
      ...(found ? { search: found.report } : {}),
      ...(warnings.length > 0 ? { warnings } : {}),
    },
    recipe: recipe.name,
    exact: keepsNumbers(recipe),
    path,
    files: new Map<string, FileContent>([[path, file], ...(found ? [savedRecipe(name, recipe)] : [])]),
    bytes: file.byteLength,
    sha256: digestOfPieces(file.pieces()),
    floatOperators,
    openers: () => tfliteOpeners(provableBytes(file), runtimes),
    quantized,
    ...(plan ? { plan } : {}),
  };
}

interface Calibrated {
  readonly model: Model;
  readonly observations: ReadonlyMap<TensorId, Observation>;
}

/** What trials of a search share. */
interface Kept {
  calibrated?: Calibrated;
}

async function rewrite(
  { options, request, fixed, timed, report }: TfliteDraftContext,
  model: Model,
  recipe: Recipe,
  calibration: Dataset | null,
  kept: Kept,
): Promise<Rewritten> {
  if (recipe.precision === "as-is" || (keepsNumbers(recipe) && recipe.overrides.length === 0))
    return { model, float: model, twins: new Map(), plan: null, warnings: [] };
  const { io, method } = request;
  const asked = options.calibration?.improve;
  const improvements = asked === undefined ? defaultImprovements(recipe) : parseImprovements(asked);
  const samples = calibration ?? { count: 0, sample: async () => [] };
  const seesData = needsCalibration(recipe) || (calibration !== null && improvesWeights(recipe, improvements));
  const progress = (done: number, total: number) => report("calibrate", recipe.name, done, total);
  const observe = async (of: Model): Promise<ReadonlyMap<TensorId, Observation>> => {
    if (!seesData) return new Map();
    const histograms = needsHistograms(method);
    return timed("calibrate", () => calibrate({ model: of, runtime: fixed, samples, histograms, progress }));
  };
  const known = seesData ? kept.calibrated : undefined;
  const calibrated = known ?? (await withEvenChannels(model, improvements, observe));
  if (seesData) kept.calibrated = calibrated;
  const { model: float, observations } = calibrated;
  const [graph] = float.graphs;
  const warnings = graph && seesData ? checkObservations(graph, observations, options.calibration?.anyRange) : [];
  const limits = limitsOf(request.target);
  const integerIo = isIntegerRecipe(recipe) ? io : "float32";
  const asking = { model: float, recipe, limits, observations, method, io: integerIo, improvements };
  let plan = await timed("quantize", async () => draftPlan(asking));
  if (improvements.has("rounding") && seesData && graph) {
    const nodes = [...plan.nodes.keys()];
    const take = (moments: ReadonlyMap<number, SecondMoments>) => {
      plan = chooseRounding(graph, moments, plan);
    };
    await timed("quantize", () => gatherMoments({ model: float, runtime: fixed, samples, nodes, take, progress }));
  }
  const finished = await timed("quantize", async () => finishPlan(asking, plan));
  return { ...finished, float, warnings };
}

/** The model equalized as far as that was asked for, and what calibration sees of it in the end. */
async function withEvenChannels(
  model: Model,
  improvements: Improvements,
  observe: (model: Model) => Promise<ReadonlyMap<TensorId, Observation>>,
): Promise<Calibrated> {
  let [even, observations] = [model, await observe(model)];
  const steps = [
    ["equalization", equalize],
    ["bias-absorption", absorbBiases],
  ] as const;
  for (const [name, step] of steps) {
    const [graph, ...others] = even.graphs;
    const changed = graph && improvements.has(name) && observations.size > 0 ? step(graph, observations) : graph;
    if (!changed || changed === graph) continue;
    even = { ...even, graphs: [changed, ...others] };
    observations = await observe(even);
  }
  return { model: even, observations };
}

function layOut({ preprocess = {}, labels }: ConvertOptions, model: Model, recipe: Recipe, name: string): WrittenFile {
  // Files of others keep rules of their own; the runtimes judge those.
  for (const graph of model.graphs) verifyGraph(graph, recipe.precision === "as-is" ? "imported" : "tflite");
  return planTflite(
    describeModel(recordConversion(model, recipe.precision), {
      name,
      preprocessing: preprocess,
      ...(labels ? { labels } : {}),
    }),
  );
}

/** What `auto` comes to for this model. @throws PROOF_ACCURACY, PROOF_SQNR when nothing meets the bounds */
async function searched(
  context: TfliteDraftContext,
  model: Model,
  recipe: Recipe,
  calibration: Dataset | null,
  name: string,
  kept: Kept,
): Promise<AutoResult> {
  const { options, request, runtimes, fixed, search, timed, report } = context;
  const [graph] = model.graphs;
  if (!graph || !search) throw new FlotillaError("INTERNAL", "A search needs a graph and samples.");
  const limits = limitsOf(request.target);
  const dearer = (["int16x8", "float16", "float32"] as const).filter((precision) => limits.refuses(precision) === null);
  return timed("search", () =>
    autoRecipe({
      graph,
      recipe,
      ladder: options.strictInteger ? dearer.filter((precision) => precision === "int16x8") : dearer,
      bounds: { minSqnrDb: options.minSqnrDb ?? null, maxDrop: options.evaluate?.maxDrop ?? null },
      data: search,
      integerEnds: request.io !== "float32",
      runtimes: [fixed, ...runtimes.filter((runtime) => runtime !== fixed)],
      float: provableBytes(layOut(options, model, recipe, name)),
      proofSamples: proofSamplesOf(options),
      build: async (trial) => {
        const { plan, model: built } = await rewrite(context, model, trial, calibration, kept);
        return { file: provableBytes(layOut(options, built, trial, name)), plan };
      },
      progress: (done, total) => report("search", recipe.name, done, total),
    }),
  );
}

/** The assignment found, as a file that `--recipe` takes. */
const savedRecipe = (name: string, recipe: Recipe): [string, Uint8Array] => [
  `${name}-${recipe.name}.recipe.json`,
  new TextEncoder().encode(`${JSON.stringify(describeRecipe(recipe), null, 2)}\n`),
];

/** How many operators have each precision in the end; those without numbers to narrow count nowhere. */
function countedPrecisions({ nodes }: QuantizationPlan): Record<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes)
    if (node.mode !== "untouched") counts.set(node.precision, (counts.get(node.precision) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function refuseFloat(operators: readonly FloatOperator[]): void {
  if (operators.length === 0) return;
  const lines = operators.map(({ node, operator, reason }) => `  ${node} (${operator}): ${reason}`);
  throw new FlotillaError(
    "PROOF_STRICT_INTEGER",
    `${operators.length} operators stay float:\n${lines.join("\n")}\nConvert without --strict-integer, or change the model.`,
    { details: operators.map((one) => ({ ...one })) },
  );
}
