/** A `.tflite` variant of a simplified model, as a draft: calibrated, quantized, checked against its target, laid out. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ConvertOptions, ConvertStage } from "./convert-options.ts";
import type { ConvertRequest } from "./convert-request.ts";
import type { Dataset } from "./data/dataset.ts";
import type { DraftVariant } from "./draft-variant.ts";
import { digestOfPieces } from "./file-digest.ts";
import { fileFacts } from "./file-facts.ts";
import type { Model, TensorId } from "./ir/graph.ts";
import { verifyGraph } from "./ops/verify-graph.ts";
import { provableBytes } from "./prove/prove-variant.ts";
import type { Observation } from "./quantize/observers.ts";
import { type FloatOperator, floatOperatorsOf, type QuantizationPlan } from "./quantize/plan.ts";
import { quantizeModel } from "./quantize/quantize-model.ts";
import { isIntegerRecipe, keepsNumbers, needsCalibration, needsHistograms, type Recipe } from "./quantize/recipe.ts";
import { describeRecipe } from "./quantize/recipe-document.ts";
import { judgeByTarget, limitsOf, refuseEnds } from "./runtime-target.ts";
import { calibrate } from "./runtimes/calibrate.ts";
import { endAxesOf } from "./runtimes/file-axes.ts";
import { tfliteOpeners } from "./runtimes/variant-runner.ts";
import { recordConversion } from "./writers/tflite/conversion-metadata.ts";
import { describeModel } from "./writers/tflite/model-metadata.ts";
import { planTflite } from "./writers/tflite/write-tflite.ts";

/** Of the conversion that the variant belongs to. */
export interface TfliteDraftContext {
  readonly options: ConvertOptions;
  readonly request: ConvertRequest;
  readonly runtimes: readonly TfliteRuntime[];
  /** The build whose ranges end up in files. */
  readonly fixed: TfliteRuntime;
  timed<T>(stage: ConvertStage, work: () => Promise<T>): Promise<T>;
  report(stage: ConvertStage, recipe: string, done: number, total: number): void;
}

interface Rewritten {
  readonly model: Model;
  readonly twins: ReadonlyMap<TensorId, TensorId>;
  readonly plan: QuantizationPlan | null;
}

/** @throws QUANT_*, PROOF_STRICT_INTEGER, UNSUPPORTED_OPERATOR */
export async function tfliteDraft(
  context: TfliteDraftContext,
  model: Model,
  recipe: Recipe,
  calibration: Dataset | null,
  name: string,
): Promise<DraftVariant> {
  const { options, request, runtimes, timed } = context;
  const { plan, ...quantized } = await rewrite(context, model, recipe, calibration);
  const floatOperators = plan && isIntegerRecipe(recipe) ? floatOperatorsOf(plan) : [];
  if (options.strictInteger) refuseFloat(floatOperators);
  const { target } = request;
  if (target) refuseEnds(quantized.model, target);
  const verdicts = target ? judgeByTarget(quantized.model, target) : null;
  const file = await timed("write", async () => {
    // Files of others keep rules of their own; the runtimes judge those.
    for (const graph of quantized.model.graphs)
      verifyGraph(graph, recipe.precision === "as-is" ? "imported" : "tflite");
    const { preprocess = {}, labels } = options;
    return planTflite(
      describeModel(recordConversion(quantized.model, recipe.precision), {
        name,
        preprocessing: preprocess,
        ...(labels ? { labels } : {}),
      }),
    );
  });
  const path = `${name}-${recipe.name}.tflite`;
  const [graph] = model.graphs;
  return {
    described: {
      format: "tflite",
      ...fileFacts(quantized.model, graph ? endAxesOf(graph) : undefined),
      recipeDocument: describeRecipe(recipe),
      precisions: plan ? countedPrecisions(plan) : {},
      target: target && verdicts ? { name: target.name, operators: verdicts } : null,
    },
    recipe: recipe.name,
    exact: keepsNumbers(recipe),
    path,
    files: new Map([[path, file]]),
    bytes: file.byteLength,
    sha256: digestOfPieces(file.pieces()),
    floatOperators,
    openers: () => tfliteOpeners(provableBytes(file), runtimes),
    quantized,
    ...(plan ? { plan } : {}),
  };
}

async function rewrite(
  { options, request, fixed, timed, report }: TfliteDraftContext,
  model: Model,
  recipe: Recipe,
  calibration: Dataset | null,
): Promise<Rewritten> {
  if (recipe.precision === "as-is" || (keepsNumbers(recipe) && recipe.overrides.length === 0))
    return { model, twins: new Map(), plan: null };
  const { io, method } = request;
  const observations: ReadonlyMap<TensorId, Observation> = needsCalibration(recipe)
    ? await timed("calibrate", () =>
        calibrate({
          model,
          runtime: fixed,
          samples: calibration ?? { count: 0, sample: async () => [] },
          histograms: needsHistograms(method),
          progress: (done, total) => report("calibrate", recipe.name, done, total),
        }),
      )
    : new Map();
  return timed("quantize", async () =>
    quantizeModel({
      model,
      recipe,
      limits: limitsOf(request.target),
      observations,
      method,
      io: isIntegerRecipe(recipe) ? io : "float32",
      biasCorrection: options.calibration?.biasCorrection ?? true,
    }),
  );
}

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
