/**
 * The trial's judgement: a variant's outputs on the golden inputs, as this device computes them, against those recorded
 * in the release and against the source model's (design: formats.md, "Golden file"). It passes only if it is close to
 * `variant/…` AND still agrees with `source/…`, so a broken variant cannot bring its own goldens along. Pure; the runs
 * themselves are driver/run-trial.ts's. What is missing or not stated fails the trial.
 */
import type { TrialTolerance } from "@flotilla/protocol/documents/release";
import type { ErrorCode } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { indexOfLargest, type Quantization, toNumbers } from "./outputs.ts";

export const minGoldenSamples = 4;

export interface TrialOutput {
  readonly name: string;
  /** What the device computed: one array per sample. */
  readonly device: readonly NdArray[];
  readonly quantization: Quantization | null;
  /** Recorded, all samples in one array, first axis = sample. */
  readonly variant: NdArray | undefined;
  readonly source: NdArray | undefined;
}

export type TrialVerdict =
  | { readonly passed: true }
  | {
      readonly passed: false;
      readonly code: Extract<ErrorCode, `TRIAL_${string}`>;
      readonly detail: readonly string[];
    };

const fail = (code: Extract<ErrorCode, `TRIAL_${string}`>, ...detail: string[]): TrialVerdict => ({
  passed: false,
  code,
  detail,
});

export function judgeTrial(outputs: readonly TrialOutput[], tolerance: TrialTolerance): TrialVerdict {
  if (outputs.length === 0) return fail("TRIAL_MISMATCH", "the model has no outputs");
  for (const output of outputs) {
    const verdict = compareToVariant(output, tolerance);
    if (!verdict.passed) return verdict;
  }
  return compareToSource(outputs, tolerance);
}

/** Floats: |device − variant| ≤ atol + rtol·|variant|; integers: within `integerUnits`. */
function compareToVariant(output: TrialOutput, tolerance: TrialTolerance): TrialVerdict {
  const { name, device, variant } = output;
  if (variant === undefined) return fail("TRIAL_MISMATCH", `${name}: the golden file has no variant/${name}`);
  const samples = device.length;
  if (samples < minGoldenSamples) {
    return fail("TRIAL_MISMATCH", `${name}: ${samples} golden samples, at least ${minGoldenSamples} needed`);
  }
  const integer = !variant.dtype.startsWith("float");
  const expected = toNumbers(variant);
  const size = expected.length / samples;
  for (const [sample, array] of device.entries()) {
    if (array.dtype !== variant.dtype && integer !== !array.dtype.startsWith("float")) {
      return fail("TRIAL_MISMATCH", `${name}: dtype ${array.dtype}, recorded ${variant.dtype}`);
    }
    const found = toNumbers(array);
    if (found.length !== size) {
      return fail("TRIAL_MISMATCH", `${name}: ${found.length} values a sample, recorded ${size}`);
    }
    for (let i = 0; i < size; i++) {
      const value = found[i] ?? Number.NaN;
      const recorded = expected[sample * size + i] ?? Number.NaN;
      const bound = integer ? tolerance.integerUnits : tolerance.atol + tolerance.rtol * Math.abs(recorded);
      // Written so that NaN on either side is a mismatch.
      if (!(Math.abs(value - recorded) <= bound)) {
        return fail("TRIAL_MISMATCH", `${name}[${i}] of sample ${sample}: ${value}, recorded ${recorded} ± ${bound}`);
      }
    }
  }
  return { passed: true };
}

function compareToSource(outputs: readonly TrialOutput[], tolerance: TrialTolerance): TrialVerdict {
  const { minSqnrDb, minTop1Agreement } = tolerance;
  if (minSqnrDb === undefined && minTop1Agreement === undefined) {
    return fail("TRIAL_DISAGREES", "the release states no bound for the agreement with its source");
  }
  let compared = false;
  for (const { name, device, quantization, source } of outputs) {
    if (source === undefined) return fail("TRIAL_DISAGREES", `${name}: the golden file has no source/${name}`);
    const expected = toNumbers(source);
    const size = expected.length / device.length;
    const found = device.map((array) => toNumbers(array, quantization));
    if (found.some((values) => values.length !== size)) {
      return fail("TRIAL_DISAGREES", `${name}: the source has ${size} values a sample`);
    }
    if (minSqnrDb !== undefined) {
      compared = true;
      const db = sqnrDb(expected, found, size);
      if (!(db >= minSqnrDb)) return fail("TRIAL_DISAGREES", `${name}: SQNR ${db.toFixed(1)} dB, needs ${minSqnrDb}`);
    }
    if (minTop1Agreement !== undefined && size > 1) {
      compared = true;
      const agree = found.filter(
        (values, sample) =>
          indexOfLargest(values) === indexOfLargest(expected.subarray(sample * size, (sample + 1) * size)),
      ).length;
      const share = agree / found.length;
      if (share < minTop1Agreement) {
        const detail = `${name}: ${agree} of ${found.length} samples agree with the source, needs ${minTop1Agreement}`;
        return fail("TRIAL_DISAGREES", detail);
      }
    }
  }
  if (!compared) return fail("TRIAL_DISAGREES", "the release's bound says nothing of outputs with a single value");
  return { passed: true };
}

/** 10·log10(Σa²/Σ(a−b)²); infinite when equal, NaN (which passes nothing) when a value is. */
function sqnrDb(expected: Float64Array, found: readonly Float64Array[], size: number): number {
  let signal = 0;
  let noise = 0;
  for (const [sample, values] of found.entries()) {
    for (let i = 0; i < size; i++) {
      const a = expected[sample * size + i] ?? Number.NaN;
      signal += a * a;
      noise += (a - (values[i] ?? Number.NaN)) ** 2;
    }
  }
  if (noise === 0) return Number.POSITIVE_INFINITY;
  return 10 * Math.log10(signal / noise);
}
