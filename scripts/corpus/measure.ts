/**
 * Converts one model of the corpus to `.tflite` and to TFJS and proves it twice: against the source's own runtime, and
 * against the answers recorded by the framework that made it. Never throws: an error is a result.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import { convert } from "../../converter/src/convert.ts";
import type { ConvertOptions } from "../../converter/src/convert-options.ts";
import type { ConvertedVariant, ConvertResult } from "../../converter/src/convert-result.ts";
import { pictureDifference } from "./compare-picture.ts";
import {
  type CorpusEntry,
  corpusFolder,
  modelPath,
  packagePath,
  readManifest,
  type Target,
  targets,
} from "./manifest.ts";
import type { MeasuredError, Measurement, TargetMeasurement } from "./measurement.ts";
import { writeTwinAnswers } from "./twin-answers.ts";
import { writeImages } from "./write-images.ts";

type Attempt = { readonly result: ConvertResult } | { readonly error: FlotillaError };
type ByTarget<T> = Readonly<Record<Target, T>>;

/** The least that a proof takes: the recorded answers come on top. */
const proofSamples = 8;

export async function measure(entry: CorpusEntry, twice: boolean): Promise<Measurement> {
  const started = performance.now();
  const output = await mkdtemp(join(tmpdir(), "flotilla-corpus-"));
  try {
    const { inputShapes } = entry;
    const base = {
      name: "model",
      output,
      proofSamples,
      ...(inputShapes ? { inputShapes } : {}),
      ...(await pictures(entry, output)),
    };
    const model = await modelPath(entry).catch(asFlotillaError);
    const proof = typeof model === "string" ? await attempts({ ...base, model }) : bothAre({ error: model });
    const golden = await recordedAnswers(entry, output).catch(asFlotillaError);
    const recorded =
      golden === null || typeof model !== "string"
        ? null
        : typeof golden === "string"
          ? await attempts({ ...base, model, golden })
          : bothAre({ error: golden });
    const again = twice && typeof model === "string" ? await attempts({ ...base, model, prove: false }) : null;
    const of = (target: Target) => targetMeasurement(target, proof, recorded, again);
    const opened = targets.map((target) => proof[target]).find((one) => "result" in one);
    return {
      model: entry.model,
      format: entry.format,
      recognisedAs: opened?.result.source.format ?? null,
      framework: entry.framework ?? `npm ${entry.package}`,
      targets: { tflite: of("tflite"), tfjs: of("tfjs") },
      pictureDifference: await comparedPicture(entry, model),
      seconds: (performance.now() - started) / 1000,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

async function comparedPicture(entry: CorpusEntry, model: string | FlotillaError): Promise<number | null> {
  const { picture } = entry;
  if (!picture || typeof model !== "string") return null;
  const [input, answer] = [await packagePath(entry, picture.input), await packagePath(entry, picture.answer)];
  return pictureDifference(model, picture, input, answer).catch(() => 255);
}

/** The `.npz` in the repository, or the twin's answers, written into `folder`. */
async function recordedAnswers({ golden, twin }: CorpusEntry, folder: string): Promise<string | null> {
  if (golden !== undefined) return join(corpusFolder, ...golden.split("/"));
  if (!twin) return null;
  const other = (await readManifest()).find(({ model }) => model === twin.model);
  if (!other) throw new FlotillaError("CONFIG_INVALID", `There is no model ${twin.model} in the corpus.`);
  const path = join(folder, "twin.npz");
  await writeTwinAnswers(path, await modelPath(other), twin);
  return path;
}

/** What the proof runs on where random numbers would not do. */
async function pictures({ images }: CorpusEntry, folder: string): Promise<Pick<ConvertOptions, "calibration">> {
  if (!images) return {};
  const path = join(folder, "images.npz");
  await writeImages(path, images.input, images.shape);
  return { calibration: { path } };
}

const bothAre = (attempt: Attempt): ByTarget<Attempt> => ({ tflite: attempt, tfjs: attempt });

/** Both formats in one conversion; one by one where that fails, so that each has its own error. */
async function attempts(options: ConvertOptions): Promise<ByTarget<Attempt>> {
  const both = await attempt(options, targets);
  if ("result" in both) return bothAre(both);
  return { tflite: await attempt(options, ["tflite"]), tfjs: await attempt(options, ["tfjs"]) };
}

async function attempt(options: ConvertOptions, to: readonly Target[]): Promise<Attempt> {
  const asked: ConvertOptions & { readonly to: readonly Target[] } = { ...options, to };
  try {
    return { result: await convert(asked) };
  } catch (thrown) {
    return { error: asFlotillaError(thrown) };
  }
}

const variantOf = (attempt: Attempt | undefined, target: Target): ConvertedVariant | undefined =>
  attempt && "result" in attempt ? attempt.result.variants.find(({ format }) => `${format}` === target) : undefined;

function targetMeasurement(
  target: Target,
  proofs: ByTarget<Attempt>,
  recorded: ByTarget<Attempt> | null,
  again: ByTarget<Attempt> | null,
): TargetMeasurement | "pending" {
  const proof = proofs[target];
  const golden = recorded?.[target];
  // Converted, but not to this: the format is not written yet.
  if ([proof, golden].some((one) => one && "result" in one && !variantOf(one, target))) return "pending";
  const proven = variantOf(proof, target);
  // Where nothing here runs the source, the file is that of the conversion proven by recorded answers.
  const variant = proven ?? variantOf(golden, target);
  const second = variantOf(again?.[target], target);
  const operators = Object.entries(variant?.operators ?? {}).map(([name, { count }]) => [name, count] as const);
  return {
    maxRel: proven?.parity?.maxRel ?? ("error" in proof ? failedParity(proof.error) : null),
    against: proven?.parity?.against ?? null,
    goldenMaxRel: golden === undefined ? null : goldenParity(golden, target),
    dead: proven?.parity?.dead ?? [],
    operators: Object.fromEntries(operators.sort(([a], [b]) => (a < b ? -1 : 1))),
    transposes: variant?.transposes ?? 0,
    bytes: variant?.bytes ?? 0,
    sha256: variant?.sha256 ?? "",
    sameTwice: again === null || !variant ? null : second?.sha256 === variant.sha256,
    error: "error" in proof ? describe(proof.error) : null,
    goldenError: golden && "error" in golden ? describe(golden.error) : null,
  };
}

const goldenParity = (golden: Attempt, target: Target): number | null =>
  "error" in golden ? failedParity(golden.error) : (variantOf(golden, target)?.parity?.maxRel ?? null);

/** What PROOF_PARITY says of itself. */
function failedParity({ code, details }: FlotillaError): number | null {
  if (code !== "PROOF_PARITY" || !("maxRel" in details)) return null;
  return typeof details.maxRel === "number" ? details.maxRel : null;
}

function describe({ code, message, details, cause }: FlotillaError): MeasuredError {
  const named = Array.isArray(details) ? details.map((one: Readonly<Record<string, unknown>>) => one.operator) : [];
  const operators = new Set(named.filter((one) => typeof one === "string"));
  const where =
    code === "INTERNAL" && cause instanceof Error ? `\n${cause.stack?.split("\n").slice(1, 5).join("\n")}` : "";
  return { code, message: message + where, operators: [...operators].sort() };
}
