/**
 * The trial run: the candidate's model on its golden inputs, in a runtime of its own, under a time limit. The bytes that
 * are hashed are the bytes that are loaded, so nothing can be exchanged in between (fault A5). The judgement is
 * core/trial.ts's; here are only the runs, their latencies and the profile that later windows are compared with.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayData, NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpz } from "@flotilla/protocol/npz";
import { addToSketch, createSketch, sketchQuantile } from "@flotilla/protocol/sketch";
import type { Clock } from "../../ports/clock.ts";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { LoadedModel, RuntimeTensor } from "../../ports/tflite-runtime.ts";
import type { TrialRuntimes, TrialSession } from "../../ports/trial-runtimes.ts";
import { readAnswer, toNumbers } from "../outputs.ts";
import type { ChosenVariant, Profile } from "../state.ts";
import { judgeTrial, minGoldenSamples } from "../trial.ts";
import { verifyFile } from "./verify-file.ts";

/** Samples of a golden file that are run; a release may carry more. */
const maxSamples = 256;
const goldenLimits = { maxMembers: 256, maxTotalBytes: 256 * 1024 * 1024 };

export interface TrialFiles {
  readonly model: string;
  readonly golden: string;
}

/** @throws TRIAL_* if the variant is not fit for this device; INTEGRITY_DIGEST, IO_* if its files are not there */
export async function runTrial(
  parts: { readonly storage: DeviceStorage; readonly runtimes: TrialRuntimes; readonly clock: Clock },
  files: TrialFiles,
  variant: ChosenVariant,
  timeoutMs: number,
): Promise<Profile> {
  const { storage, runtimes, clock } = parts;
  const model = await verifyFile(storage, files.model, variant.model);
  const golden = decodeNpz(await verifyFile(storage, files.golden, variant.golden), goldenLimits);
  const session = await runtimes.open();
  let stop = (): void => {};
  const limit = new Promise<never>((_, reject) => {
    stop = clock.after(timeoutMs, () => {
      reject(new FlotillaError("TRIAL_TIMEOUT", `The trial did not end within ${timeoutMs} ms.`));
      session.kill();
    });
  });
  try {
    return await Promise.race([tryVariant(session, clock, model, golden, variant), limit]);
  } finally {
    stop();
    session.kill();
  }
}

async function tryVariant(
  { runtime }: TrialSession,
  clock: Clock,
  bytes: Uint8Array,
  golden: ReadonlyMap<string, NdArray>,
  variant: ChosenVariant,
): Promise<Profile> {
  let loaded: LoadedModel;
  try {
    loaded = await runtime.load(bytes);
  } catch (error) {
    throw asTrialError(error, `${runtime.name} ${runtime.version} does not load the variant`);
  }
  try {
    const samples = readSamples(golden, variant, loaded.inputs);
    const latency = createSketch();
    const rows: (readonly NdArray[])[] = [];
    const first = samples[0];
    if (first !== undefined) await loaded.run(first); // warms up; not measured
    for (const sample of samples) {
      const startMs = clock.monotonicMs();
      rows.push(await loaded.run(sample));
      addToSketch(latency, Math.max(0, clock.monotonicMs() - startMs));
    }
    judge(rows, loaded.outputs, golden, variant);
    return profileOf(rows, loaded.outputs, variant, sketchQuantile(latency, 0.95) ?? 0);
  } catch (error) {
    throw asTrialError(error, "the variant does not run");
  } finally {
    loaded.close();
  }
}

function asTrialError(error: unknown, what: string): FlotillaError {
  if (error instanceof FlotillaError && error.code.startsWith("TRIAL_")) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new FlotillaError("TRIAL_LOAD", `${what}: ${reason}`, { cause: error });
}

/** One list of inputs per sample, in the order of the file. */
function readSamples(
  golden: ReadonlyMap<string, NdArray>,
  variant: ChosenVariant,
  inputs: readonly RuntimeTensor[],
): NdArray[][] {
  const stacks = inputs.map((tensor, position) => {
    const name = variant.inputs[position] ?? tensor.name;
    const stack = golden.get(`input/${name}`);
    if (stack === undefined) throw new FlotillaError("TRIAL_MISMATCH", `The golden file has no input/${name}.`);
    return { stack, tensor };
  });
  const count = Math.min(...stacks.map(({ stack }) => stack.shape[0] ?? 0), maxSamples);
  if (!(count >= minGoldenSamples)) {
    throw new FlotillaError(
      "TRIAL_MISMATCH",
      `The golden file has ${count} samples, at least ${minGoldenSamples} needed.`,
    );
  }
  return Array.from({ length: count }, (_, sample) =>
    stacks.map(({ stack, tensor }) => sampleOf(stack, sample, tensor)),
  );
}

function sampleOf({ dtype, shape, data }: NdArray, sample: number, tensor: RuntimeTensor): NdArray {
  const size = data.length / (shape[0] ?? 1);
  return { dtype, shape: tensor.shape, data: data.slice(sample * size, (sample + 1) * size) as ArrayData };
}

function judge(
  rows: readonly (readonly NdArray[])[],
  outputs: readonly RuntimeTensor[],
  golden: ReadonlyMap<string, NdArray>,
  variant: ChosenVariant,
): void {
  const compared = outputs.map((tensor, position) => {
    const name = variant.outputs[position] ?? tensor.name;
    const device = rows.map((row) => row[position]).filter((array) => array !== undefined);
    const recorded = (kind: "variant" | "source") => firstSamples(golden.get(`${kind}/${name}`), rows.length);
    return {
      name,
      device,
      quantization: tensor.quantization,
      variant: recorded("variant"),
      source: recorded("source"),
    };
  });
  const verdict = judgeTrial(compared, variant.tolerance);
  if (!verdict.passed) {
    throw new FlotillaError(verdict.code, verdict.detail.join("; "), { details: { detail: verdict.detail } });
  }
}

function firstSamples(array: NdArray | undefined, count: number): NdArray | undefined {
  if (array === undefined || (array.shape[0] ?? 0) < count) return undefined;
  const size = array.data.length / (array.shape[0] ?? 1);
  const shape = [count, ...array.shape.slice(1)];
  return { dtype: array.dtype, shape, data: array.data.slice(0, count * size) as ArrayData };
}

function profileOf(
  rows: readonly (readonly NdArray[])[],
  outputs: readonly RuntimeTensor[],
  variant: ChosenVariant,
  latencyP95Ms: number,
): Profile {
  const classes: Record<string, number> = {};
  for (const row of rows) {
    const numbers = row.map((array, position) => toNumbers(array, outputs[position]?.quantization ?? null));
    const { top } = readAnswer(numbers, variant.classes);
    if (top !== null) classes[top.index] = (classes[top.index] ?? 0) + 1;
  }
  return { runs: rows.length, latencyP95Ms, classes, labelled: 0, correct: 0 };
}
