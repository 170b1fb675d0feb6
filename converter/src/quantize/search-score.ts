/**
 * How an assignment did when it was built and run, and whether that meets the bounds. A figure from few samples must meet
 * its bound by its own standard error, as the bound is checked again on other samples.
 */
import type { Computing } from "./search-cost.ts";

/** What must hold; null: not asked for. */
export interface SearchBounds {
  readonly minSqnrDb: number | null;
  /** Of top-1 accuracy, a fraction. */
  readonly maxDrop: number | null;
}

export interface Score {
  /** Of the outputs against the float model, the lowest; null when identical. */
  readonly sqnrDb: number | null;
  /** Its standard error over samples. */
  readonly sqnrErrorDb: number;
  /** Top-1 accuracy lost against the float model; null where it was not measured. */
  readonly drop: number | null;
  readonly dropError: number;
  /** Bytes and work in multiples of the int8 model's, added. */
  readonly cost: number;
  readonly bytes: number;
  /** How each node computes in the end; null: nothing to compute in integers or floats. */
  readonly computing: readonly (Computing | null)[];
}

/** One standard error: of independent samples, five in six agree. */
export const meetsClearly = (score: Score, bounds: SearchBounds): boolean => meets(score, bounds, 1);
export const meetsJust = (score: Score, bounds: SearchBounds): boolean => meets(score, bounds, 0);

function meets({ sqnrDb, sqnrErrorDb, drop, dropError }: Score, bounds: SearchBounds, errors: number): boolean {
  const { minSqnrDb, maxDrop } = bounds;
  const clean = minSqnrDb === null || sqnrDb === null || sqnrDb - errors * sqnrErrorDb >= minSqnrDb;
  return clean && (maxDrop === null || (drop !== null && drop + errors * dropError <= maxDrop));
}

export function isBetter(a: Score, b: Score, { maxDrop }: SearchBounds): boolean {
  if (maxDrop !== null && (a.drop ?? 1) !== (b.drop ?? 1)) return (a.drop ?? 1) < (b.drop ?? 1);
  return (a.sqnrDb ?? Number.POSITIVE_INFINITY) > (b.sqnrDb ?? Number.POSITIVE_INFINITY);
}

/** Not reached by another that is as cheap and as good. */
export function isOnFrontier(score: Score, all: readonly Score[], bounds: SearchBounds): boolean {
  return !all.some((other) => other !== score && other.cost <= score.cost && isBetter(other, score, bounds));
}

/** Standard error of a drop: of `samples`, `lost` became wrong and `won` became right. */
export function dropErrorOf(lost: number, won: number, samples: number): number {
  const share = (lost - won) / samples;
  return Math.sqrt(Math.max(0, (lost + won) / samples - share * share) / samples);
}

/** Standard error in dB of the ratio of two sums over samples (delta method). */
export function sqnrErrorOf(signals: readonly number[], noises: readonly number[]): number {
  const count = signals.length;
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const [signal, noise] = [sum(signals), sum(noises)];
  if (count < 2 || !(signal > 0) || !(noise > 0)) return 0;
  const ratio = noise / signal;
  const spread = sum(signals.map((one, at) => ((noises[at] ?? 0) - ratio * one) ** 2));
  const error = Math.sqrt(spread / (count * (count - 1))) / (signal / count);
  return (10 / Math.LN10) * (error / ratio);
}
