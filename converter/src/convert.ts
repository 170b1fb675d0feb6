/**
 * The conversion pipeline: read → simplify → per recipe (calibrate, quantize) → write → prove, and files at the end, all
 * or none. Knows the order and the bounds; every step is another module's.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import { checkBounds } from "./check-bounds.ts";
import { checkLabelsToWrite } from "./check-labels.ts";
import { encodeRecord, recordNameOf } from "./conversion-record.ts";
import {
  type ConvertOptions,
  type ConvertProgress,
  type ConvertStage,
  leastProofSamples,
  proofSamplesOf,
} from "./convert-options.ts";
import { type ConvertRequest, parseRequest } from "./convert-request.ts";
import type { ConvertedVariant, ConvertResult, ConvertSeconds, ProvenParity } from "./convert-result.ts";
import { type Dataset, type ModelInput, spreadIndices, subset } from "./data/dataset.ts";
import { idLimits } from "./data/id-limits.ts";
import { loadDataset } from "./data/load-dataset.ts";
import { randomDataset } from "./data/random-dataset.ts";
import type { DraftVariant } from "./draft-variant.ts";
import { parametersOf } from "./file-facts.ts";
import { type Model, tensorOf } from "./ir/graph.ts";
import { modelNameOf, type OpenedSource, openSource } from "./open-source.ts";
import { runPasses } from "./passes/pipeline.ts";
import { layerReport } from "./prove/layer-report.ts";
import { logitsOf } from "./prove/logits.ts";
import {
  type Accuracy,
  labelsOf,
  type SourceAccuracy,
  sourceAccuracy,
  variantAccuracy,
} from "./prove/measure-accuracy.ts";
import { proveVariant, type RuntimeAnswers } from "./prove/prove-variant.ts";
import { refuseSample } from "./prove/refuse-sample.ts";
import { NearbyAnswers } from "./prove/ties.ts";
import { isQuantized } from "./quantize/is-quantized.ts";
import { needsCalibration } from "./quantize/recipe.ts";
import { checkReportPath } from "./report/report-path.ts";
import { endAxesOf, inFileAxes } from "./runtimes/file-axes.ts";
import { recordedTruth } from "./runtimes/recorded-truth.ts";
import type { Sample, SourceTruth } from "./runtimes/source-truth.ts";
import { type SearchData, splitForSearch } from "./search/search-data.ts";
import { settleRecipes, type VariantRequest } from "./targets.ts";
import { tfjsDraft } from "./tfjs-draft.ts";
import { tfliteDraft } from "./tflite-draft.ts";
import { type FileContent, writeFiles } from "./write-files.ts";

/** TensorFlow's guide asks for 100 to 500; more changed nothing on the models measured. */
const defaultCalibrationSamples = 200;

/** @throws any FlotillaError but ROLLOUT_*, INTEGRITY_*, TRANSPORT_*; then nothing was written */
export async function convert(options: ConvertOptions): Promise<ConvertResult> {
  const request = await parseRequest(options);
  if (options.report !== undefined) await checkReportPath(options.report);
  return new Conversion(options, request).run();
}

/** What the source answered, once for all variants. */
interface Answers {
  readonly against: string;
  readonly samples: readonly Sample[];
  readonly answers: readonly Sample[];
  readonly accuracy: SourceAccuracy | null;
  /** By runtime, for sources that run in the runtimes of their variants: each is compared with itself. */
  readonly byRuntime: ReadonlyMap<string, RuntimeAnswers>;
  /** For inputs nearby; absent where the source cannot be asked for more. */
  readonly nearby?: NearbyAnswers;
}

interface Proof {
  readonly parity: ProvenParity;
  readonly accuracy: Accuracy | null;
}

/** Errors of `checkBounds`. */
const bounds: readonly string[] = ["PROOF_PARITY", "PROOF_SQNR", "PROOF_ACCURACY"];

class Conversion {
  readonly #options: ConvertOptions;
  readonly #request: ConvertRequest;
  /** The fixed build: whatever ends up in a file comes from it. */
  readonly #fixed = createTfliteRuntime();
  readonly #runtimes = [createLitertRuntime(), this.#fixed];
  readonly #seconds = new Map<ConvertStage, number>();
  readonly #started = performance.now();

  constructor(options: ConvertOptions, request: ConvertRequest) {
    this.#options = options;
    this.#request = request;
  }

  async run(): Promise<ConvertResult> {
    const { output, name = modelNameOf(this.#options.model) } = this.#options;
    const source = await this.#timed("read", () => openSource(this.#options.model, this.#options));
    const requests = settleRecipes(this.#request.variants, {
      quantized: isQuantized(source.model),
      recipesAsked: this.#options.recipes !== undefined,
    });
    const carried = isQuantized(source.model); // such a source is carried, or refused by what is to be written
    const model = await this.#timed("simplify", async () =>
      carried ? source.model : runPasses(source.model, { ioLayout: this.#ioLayout(source) }),
    );
    const [graph] = model.graphs;
    if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
    checkLabelsToWrite(model, this.#options.labels);
    const limits = idLimits(graph);
    const inputs = graph.inputs.map((id): ModelInput => {
      const idLimit = limits.get(id);
      return idLimit === undefined ? tensorOf(graph, id) : { ...tensorOf(graph, id), idLimit };
    });
    const calibration = await this.#calibrationData(inputs);
    const labelled = await this.#evaluationData(inputs);
    const searches = requests.some((one) => one.target === "tflite" && one.recipe.search);
    const search = searches ? splitForSearch(labelled, calibration) : null;
    // Known before a search of many builds, and not after it.
    if (search && this.#options.golden === undefined) (await source.truth(this.#runtimes)).close();
    const drafts = await this.#drafts(source, model, requests, calibration, name, search);
    // What chose an assignment proves nothing about it.
    const evaluation = search && labelled ? search.held : labelled;
    const unseen = search && !labelled ? search.held : calibration;
    const proofs: Proof[] = [];
    // A report says most where a bound is missed: it is written then, too, and nothing else is.
    const missed = await this.#prove(source, model, drafts, evaluation, unseen, inputs, proofs).then(
      () => null,
      (thrown: unknown) => this.#missedBound(thrown),
    );
    const variants = drafts.map((draft, at): ConvertedVariant => {
      const { parity = null, accuracy = null } = proofs[at] ?? {};
      return {
        file: join(output, draft.path),
        ...draft.described,
        recipe: draft.recipe,
        bytes: draft.bytes,
        sha256: draft.sha256,
        floatOperators: draft.floatOperators.length,
        floatOperatorReasons: draft.floatOperators,
        proven: parity !== null,
        parity,
        accuracy,
      };
    });
    const { path, format, sha256 } = source;
    const { otherSignatures = [] } = source;
    const left = otherSignatures.length > 0 ? { otherSignatures } : {};
    const facts = { path, format, sha256, parameters: parametersOf(source.model), ...left };
    const files = drafts.flatMap((draft, at): [string, FileContent][] => {
      const variant = variants[at];
      if (!variant) throw new FlotillaError("INTERNAL", `There is no variant ${at}.`);
      const record = encodeRecord(facts, variant, this.#options);
      return [...draft.files, [recordNameOf(draft.path), record]];
    });
    if (!missed) await this.#timed("write", () => writeFiles(output, new Map(files)));
    await this.#writeReport(facts, model, drafts, variants, evaluation ?? unseen, calibration);
    if (missed) throw missed;
    return {
      source: facts,
      variants,
      seconds: this.#secondsSpent(),
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    };
  }

  /** Passed on where a report was asked for. */
  #missedBound(thrown: unknown): FlotillaError {
    if (this.#options.report !== undefined && thrown instanceof FlotillaError && bounds.includes(thrown.code))
      return thrown;
    throw thrown;
  }

  async #writeReport(
    source: ConvertResult["source"],
    float: Model,
    drafts: readonly DraftVariant[],
    variants: readonly ConvertedVariant[],
    dataset: Dataset | null,
    calibration: Dataset | null,
  ): Promise<void> {
    const path = this.#options.report;
    if (path === undefined) return;
    await this.#timed("report", async () => {
      const { reportConversion } = await import("./report/conversion-report.ts");
      const { writeReport } = await import("./report/write-report.ts");
      const report = await reportConversion({
        source,
        float,
        variants: drafts.flatMap((draft, at) => (variants[at] ? [{ draft, variant: variants[at] }] : [])),
        dataset: dataset ?? calibration,
        calibration: calibration && {
          data: calibration.name,
          digest: calibration.digest,
          samples: calibration.count,
          method: this.#request.method,
        },
        runtimes: [this.#fixed, ...this.#runtimes.filter((runtime) => runtime !== this.#fixed)],
        progress: (recipe, done, total) => this.#report({ stage: "report", recipe, done, total }),
      });
      await writeReport(path, report);
    });
  }

  /** Only formats that have channels first say that their axes may be declared otherwise. */
  #ioLayout(source: OpenedSource): "keep" | "channels-last" {
    return source.channelsFirst === true && this.#options.keepIoLayout !== true ? "channels-last" : "keep";
  }

  async #calibrationData(inputs: readonly ModelInput[]): Promise<Dataset | null> {
    const { calibration, preprocess } = this.#options;
    if (calibration) {
      const all = await loadDataset(calibration.path, inputs, preprocess);
      return subset(all, spreadIndices(all.count, calibration.samples ?? defaultCalibrationSamples));
    }
    const needing = this.#request.variants.find(
      (variant) => variant.target === "tflite" && needsCalibration(variant.recipe),
    );
    if (needing?.target !== "tflite") return null;
    const { name } = needing.recipe;
    throw new FlotillaError(
      "QUANT_CALIBRATION_MISSING",
      `The recipe ${name} needs samples of what the model will see. Give --calibration a folder of images, .npz, .npy or .json.`,
      { details: { recipe: name } },
    );
  }

  async #evaluationData(inputs: readonly ModelInput[]): Promise<Dataset | null> {
    const { evaluate, preprocess } = this.#options;
    if (!evaluate) return null;
    const all = await loadDataset(evaluate.path, inputs, preprocess);
    labelsOf(all);
    return evaluate.samples === undefined ? all : subset(all, spreadIndices(all.count, evaluate.samples));
  }

  async #drafts(
    source: OpenedSource,
    model: Model,
    requests: readonly VariantRequest[],
    calibration: Dataset | null,
    name: string,
    search: SearchData | null,
  ): Promise<DraftVariant[]> {
    const context = {
      options: this.#options,
      request: this.#request,
      runtimes: this.#runtimes,
      fixed: this.#fixed,
      search,
      timed: <T>(stage: ConvertStage, work: () => Promise<T>) => this.#timed(stage, work),
      report: (stage: ConvertStage, recipe: string, done: number, total: number) =>
        this.#report({ stage, recipe, done, total }),
    };
    const drafts: DraftVariant[] = [];
    for (const request of requests) {
      if (request.target === "tflite")
        drafts.push(await tfliteDraft(context, model, request.recipe, calibration, name));
      else drafts.push(await this.#timed("write", async () => tfjsDraft(source, model, request, name)));
    }
    return drafts;
  }

  /** Parity and accuracy of every variant, in order, into `proofs`; none with `prove: false`. @throws PROOF_* */
  async #prove(
    source: OpenedSource,
    float: Model,
    drafts: readonly DraftVariant[],
    evaluation: Dataset | null,
    calibration: Dataset | null,
    inputs: readonly ModelInput[],
    proofs: Proof[],
  ): Promise<void> {
    if (this.#options.prove === false) return;
    await this.#timed("prove", async () => {
      const answers = await this.#answers(source, float, evaluation, calibration, inputs);
      const nearby = this.#nearby(source, float, answers);
      const truth = nearby ? { ...answers, nearby } : answers;
      try {
        for (const draft of drafts) {
          const held = await this.#truthFor(draft, truth);
          const parity = await this.#parity(source, float, draft, held);
          const accuracy =
            evaluation && truth.accuracy
              ? await variantAccuracy({
                  openers: draft.openers(),
                  firstOnly: this.#options.evaluate?.runtimes === "first",
                  dataset: evaluation,
                  source: truth.accuracy,
                  progress: (done, total) => this.#report({ stage: "evaluate", recipe: draft.recipe, done, total }),
                })
              : null;
          proofs.push({ parity, accuracy });
          checkBounds(draft, parity, accuracy, this.#options);
        }
      } finally {
        nearby?.close();
      }
    });
  }

  async #answers(
    source: OpenedSource,
    float: Model,
    evaluation: Dataset | null,
    calibration: Dataset | null,
    inputs: readonly ModelInput[],
  ): Promise<Answers> {
    const { golden } = this.#options;
    const [graph] = float.graphs;
    if (golden !== undefined && graph) {
      const recorded = await readRecorded(golden, float);
      if (recorded.samples.length < leastProofSamples) throw tooFewRecorded(golden, recorded.samples.length);
      const answers = await recorded.truth.run(recorded.samples);
      return {
        against: recorded.truth.label,
        samples: recorded.samples,
        answers,
        accuracy: null,
        byRuntime: new Map(),
      };
    }
    const samples = await this.#proofSamples(evaluation ?? calibration, inputs);
    const truth = inFileAxes(
      await source.truth(this.#runtimes),
      graph ? endAxesOf(graph) : { inputs: [], outputs: [] },
    );
    try {
      const answer = async ({ run }: Pick<SourceTruth, "run">): Promise<Sample[]> => {
        const given: Sample[] = [];
        for (const sample of samples) {
          const random = given.length >= ((evaluation ?? calibration)?.count ?? 0);
          given.push(...(await run([sample]).catch((thrown: unknown) => refuseSample(thrown, random))));
        }
        return given;
      };
      // Each runtime is asked once: a model with state would answer otherwise the second time.
      const byRuntime = new Map<string, RuntimeAnswers>();
      for (const [runtime, own] of truth.byRuntime ?? [])
        byRuntime.set(runtime, { against: own.label, answers: await answer(own) });
      const [first] = byRuntime.values();
      const answers = first?.answers ?? (await answer(truth));
      const accuracy = evaluation ? await sourceAccuracy(truth, evaluation) : null;
      return { against: truth.label, samples, answers, accuracy, byRuntime };
    } finally {
      truth.close();
    }
  }

  /** The answers that a variant is held against: a recording for all, else the variant's own truth where it has one. */
  async #truthFor(draft: DraftVariant, truth: Answers): Promise<Answers> {
    if (this.#options.golden !== undefined || !draft.truth) return truth;
    const own = await draft.truth(this.#runtimes);
    try {
      return { ...truth, against: own.label, answers: await own.run(truth.samples), byRuntime: new Map() };
    } finally {
      own.close();
    }
  }

  /** Evenly spread over the data there is, and random ones up to the least number where there is too little. */
  async #proofSamples(dataset: Dataset | null, inputs: readonly ModelInput[]): Promise<Sample[]> {
    const wanted = proofSamplesOf(this.#options);
    const samples: Sample[] = [];
    if (dataset) for (const at of spreadIndices(dataset.count, wanted)) samples.push(await dataset.sample(at));
    const enough = dataset ? leastProofSamples : wanted;
    const random = randomDataset(inputs, enough);
    for (let at = samples.length; at < enough; at++) samples.push(await random.sample(at));
    return samples;
  }

  async #parity(source: OpenedSource, float: Model, draft: DraftVariant, truth: Answers): Promise<ProvenParity> {
    const [graph] = source.model.graphs;
    const outputs = graph ? graph.outputs.map((id) => tensorOf(graph, id)) : [];
    const { samples, answers, against, byRuntime, nearby } = truth;
    const parity = await proveVariant({
      ...(nearby && draft.exact ? { nearby } : {}),
      openers: draft.openers(),
      outputs,
      samples,
      answers,
      against,
      byRuntime,
      progress: (done, total) => this.#report({ stage: "prove", recipe: draft.recipe, done, total }),
    });
    const logits = draft.quantized && logitsOf(float, draft.quantized.twins);
    const unseen = parity.refused?.some(({ runtime }) => runtime === this.#fixed.name) === true;
    if (!draft.quantized || !logits || unseen) return parity;
    const [report] = await layerReport({
      float: draft.quantized.float,
      quantized: draft.quantized.model,
      pairs: logits,
      samples,
      runtime: this.#fixed,
    });
    return report ? { ...parity, logits: { tensor: report.tensor, sqnrDb: report.sqnrDb } } : parity;
  }

  /** What the source gives for inputs nearby: only what that does not explain is a difference. */
  #nearby(source: OpenedSource, float: Model, { samples, byRuntime }: Answers): NearbyAnswers | undefined {
    const [graph] = float.graphs;
    if (this.#options.golden !== undefined || byRuntime.size > 0 || !graph) return undefined;
    return new NearbyAnswers(async () => inFileAxes(await source.truth(this.#runtimes), endAxesOf(graph)), samples);
  }

  async #timed<T>(stage: ConvertStage, work: () => Promise<T>): Promise<T> {
    this.#report({ stage, done: 0, total: 1 });
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#seconds.set(stage, (this.#seconds.get(stage) ?? 0) + (performance.now() - start) / 1000);
    }
  }

  #report(event: ConvertProgress): void {
    this.#options.onProgress?.(event);
  }

  #secondsSpent(): ConvertSeconds {
    const of = (stage: ConvertStage) => this.#seconds.get(stage) ?? 0;
    return {
      read: of("read"),
      simplify: of("simplify"),
      calibrate: of("calibrate"),
      quantize: of("quantize"),
      write: of("write"),
      prove: of("prove"),
      total: (performance.now() - this.#started) / 1000,
    };
  }
}

async function readRecorded(path: string, model: Model): Promise<{ truth: SourceTruth; samples: readonly Sample[] }> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `There is no golden file at ${path}.`, { details: { path }, cause });
  });
  return recordedTruth(path, new Uint8Array(bytes), model);
}

const tooFewRecorded = (path: string, found: number): FlotillaError =>
  new FlotillaError(
    "FORMAT_GOLDEN",
    `${path} holds ${found} samples; a proof takes ${leastProofSamples} at least. Record more.`,
    { details: { path, found, expected: leastProofSamples } },
  );
