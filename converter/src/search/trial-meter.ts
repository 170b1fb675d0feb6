/**
 * Measures trials of a search against the float model: signal to noise of the outputs, and top-1 accuracy where there are
 * labels. In the fixed build, or where that lacks a kernel in the next runtime that loads the trial. The float model's
 * answers are had once.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import { type Dataset, spreadIndices } from "../data/dataset.ts";
import { topIndex } from "../prove/accuracy.ts";
import { decibels } from "../prove/decibels.ts";
import { dropErrorOf, sqnrErrorOf } from "../quantize/search-score.ts";
import type { Sample } from "../runtimes/source-truth.ts";
import { openVariant, type VariantRunner } from "../runtimes/variant-runner.ts";

export const probeSamples = 16;
export const scoreSamples = 64;
/** Labelled samples of the choosing half; the held-back half is checked whole. */
export const accuracySamples = 500;
/** After each so many, a drop that is beyond its bound by three standard errors is not looked at further. */
const accuracyStep = 100;
/** Inputs and answers that are kept, together. */
const keptBytes = 128 * 2 ** 20;

export interface Measured {
  readonly sqnrDb: number | null;
  readonly sqnrErrorDb: number;
  readonly drop: number | null;
  readonly dropError: number;
}

interface Kept {
  readonly sample: Sample;
  readonly answer: readonly Float64Array[];
}

export class TrialMeter {
  readonly #runtimes: readonly TfliteRuntime[];
  readonly #dataset: Dataset;
  readonly #kept: readonly Kept[];
  /** Numbers of the labelled samples, and whether the float model is right on them; none where no drop is asked for. */
  readonly #right: ReadonlyMap<number, boolean>;
  readonly #maxDrop: number | null;

  private constructor(
    runtimes: readonly TfliteRuntime[],
    dataset: Dataset,
    kept: readonly Kept[],
    right: ReadonlyMap<number, boolean>,
    maxDrop: number | null,
  ) {
    this.#maxDrop = maxDrop;
    this.#runtimes = runtimes;
    this.#dataset = dataset;
    this.#kept = kept;
    this.#right = right;
  }

  /** `float`: the float model's file. */
  static async open(request: {
    readonly float: Uint8Array;
    /** The one preferred first. */
    readonly runtimes: readonly TfliteRuntime[];
    readonly dataset: Dataset;
    /** null: no drop is asked for. */
    readonly maxDrop: number | null;
  }): Promise<TrialMeter> {
    const { float, runtimes, dataset, maxDrop } = request;
    const model = await openFirst(float, runtimes);
    try {
      const kept: Kept[] = [];
      let bytes = 0;
      for (const at of scattered(dataset.count, scoreSamples)) {
        const sample = await dataset.sample(at);
        const answer = (await model.run(sample)).map((values) => Float64Array.from(values));
        bytes += [...sample.map(({ data }) => data), ...answer].reduce((sum, { byteLength }) => sum + byteLength, 0);
        kept.push({ sample, answer });
        if (bytes > keptBytes && kept.length >= 4) break;
      }
      const right = new Map<number, boolean>();
      if (maxDrop !== null && dataset.labels) {
        for (const at of spreadIndices(dataset.count, accuracySamples)) {
          const [scores] = await model.run(await dataset.sample(at));
          right.set(at, scores !== undefined && topIndex(scores) === dataset.labels[at]);
        }
      }
      return new TrialMeter(runtimes, dataset, kept, right, maxDrop);
    } finally {
      model.close();
    }
  }

  /** How many samples a score is of. */
  get samples(): { readonly sqnr: number; readonly accuracy: number } {
    return { sqnr: this.#kept.length, accuracy: this.#right.size };
  }

  /** @throws UNSUPPORTED_RUNTIME when no runtime loads the file */
  async measure(file: Uint8Array, purpose: "probe" | "score"): Promise<Measured> {
    const model = await openFirst(file, this.#runtimes);
    try {
      const kept = purpose === "probe" ? this.#kept.slice(0, probeSamples) : this.#kept;
      const sums: { signals: number[]; noises: number[] }[] = [];
      for (const { sample, answer } of kept) {
        const found = await model.run(sample);
        for (const [place, expected] of answer.entries()) {
          const { signal, noise } = differenceOf(expected, found[place] ?? []);
          sums[place] ??= { signals: [], noises: [] };
          sums[place].signals.push(signal);
          sums[place].noises.push(noise);
        }
      }
      const [worst] = sums
        .map(({ signals, noises }) => ({
          sqnrDb: decibels(total(signals), total(noises)),
          sqnrErrorDb: sqnrErrorOf(signals, noises),
        }))
        .sort((a, b) => (a.sqnrDb ?? Number.POSITIVE_INFINITY) - (b.sqnrDb ?? Number.POSITIVE_INFINITY));
      const { sqnrDb, sqnrErrorDb } = worst ?? { sqnrDb: null, sqnrErrorDb: 0 };
      if (purpose === "probe" || this.#right.size === 0) return { sqnrDb, sqnrErrorDb, drop: null, dropError: 0 };
      // Equal on every sample that outputs were compared on: equal on the others.
      if (sqnrDb === null) return { sqnrDb, sqnrErrorDb, drop: 0, dropError: 0 };
      let [lost, won, count] = [0, 0, 0];
      for (const [at, right] of this.#right) {
        const [scores] = await model.run(await this.#dataset.sample(at));
        const now = scores !== undefined && topIndex(scores) === this.#dataset.labels?.[at];
        if (right && !now) lost++;
        if (now && !right) won++;
        count++;
        const hopeless = (lost - won) / count - 3 * dropErrorOf(lost, won, count) > (this.#maxDrop ?? 1);
        if (count % accuracyStep === 0 && hopeless) break;
      }
      return { sqnrDb, sqnrErrorDb, drop: (lost - won) / count, dropError: dropErrorOf(lost, won, count) };
    } finally {
      model.close();
    }
  }
}

async function openFirst(file: Uint8Array, [first, ...others]: readonly TfliteRuntime[]): Promise<VariantRunner> {
  if (!first) throw new FlotillaError("INTERNAL", "A search needs a runtime.");
  try {
    return await openVariant(file, first);
  } catch (thrown) {
    if (others.length === 0 || asFlotillaError(thrown).code !== "UNSUPPORTED_RUNTIME") throw thrown;
    return openFirst(file, others);
  }
}

/** Evenly spread numbers in an order whose beginning is evenly spread, too: probes take the beginning. */
function scattered(count: number, wanted: number): number[] {
  const indices = spreadIndices(count, wanted);
  const stride = Math.max(1, Math.floor(indices.length / probeSamples));
  const first = indices.filter((_, at) => at % stride === 0);
  return [...first, ...indices.filter((_, at) => at % stride !== 0)];
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function differenceOf(expected: Float64Array, found: ArrayLike<number>): { signal: number; noise: number } {
  let [signal, noise] = [0, 0];
  for (let at = 0; at < expected.length; at++) {
    const a = expected[at] ?? 0;
    const error = a - (found[at] ?? 0);
    if (!Number.isFinite(a)) continue;
    signal += a * a;
    noise += error * error;
  }
  return { signal, noise };
}
