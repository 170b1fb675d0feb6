/**
 * Parity between a source model and a variant, as formats.md defines it: per sample and output
 * rel = max|a - b| / max(max|a|, 1e-3·RMS(a over all samples), 1e-6), SQNR in dB over all samples, and more.
 * A pure fold over samples: it runs nothing and holds no sample but the first.
 */

import { decibels } from "./decibels.ts";

/** What the command line prints and the provenance records (design: cli.md). */
export interface Parity {
  /** The source's runtime, e.g. "tfjs-layers 4.22.0 (wasm)". */
  readonly against: string;
  readonly samples: number;
  readonly maxRel: number;
  readonly worst: { readonly output: string; readonly sample: number };
  readonly maxAbs: number;
  /** The lowest of all outputs; null when all are identical. */
  readonly sqnrDb: number | null;
  /** The lowest of all outputs. */
  readonly cosine: number;
  /** Share of samples whose largest element is the same one; the lowest of all outputs with more than one element. */
  readonly top1Agreement: number | null;
  /** Outputs that never change over the samples: nothing is proven about them. */
  readonly dead: readonly string[];
  /** Integer outputs that differ, the first place of each; absent when there are none. */
  readonly integerMismatches?: readonly IntegerMismatch[];
}

export interface IntegerMismatch {
  readonly output: string;
  readonly sample: number;
  readonly index: number;
  readonly source: number;
  readonly variant: number;
}

/** One output of one sample, as real numbers (a quantized variant's are dequantized by the caller). */
export interface OutputPair {
  readonly source: ArrayLike<number>;
  readonly variant: ArrayLike<number>;
}

interface OutputState {
  readonly name: string;
  readonly integer: boolean;
  readonly perSample: { readonly maxAbsSource: number; readonly maxAbsDifference: number }[];
  first: Float64Array | null;
  changes: boolean;
  count: number;
  sumSource: number;
  sumVariant: number;
  sumProduct: number;
  sumDifference: number;
  sameTop: number;
  /** The variant gave NaN or infinity where the source did not. */
  nonFinite: boolean;
  elements: number;
  mismatch: IntegerMismatch | null;
}

const rmsFloor = 1e-3;
const absoluteFloor = 1e-6;
/** What a difference is relative to: the sample's largest value, or a floor where that says nothing. */
export const parityScale = (largestOfSample: number, rms: number): number =>
  Math.max(largestOfSample, rmsFloor * rms, absoluteFloor);

/** Stands for NaN and infinite differences: JSON has neither, and `null` would read as "identical". */
const unbounded = 1e150;

/** A float32 variant computes what the source computes, in another order of additions; one as it is, the very same. */
export const float32MaxRel = 1e-4;

export class ParityMeter {
  readonly #outputs: readonly OutputState[];
  #samples = 0;

  constructor(outputs: readonly { readonly name: string; readonly integer: boolean }[]) {
    this.#outputs = outputs.map(({ name, integer }) => ({
      name,
      integer,
      perSample: [],
      first: null,
      changes: false,
      count: 0,
      sumSource: 0,
      sumVariant: 0,
      sumProduct: 0,
      sumDifference: 0,
      sameTop: 0,
      nonFinite: false,
      elements: 0,
      mismatch: null,
    }));
  }

  /** Adds one sample; `pairs` in the order of the outputs. NaN on one side only counts as a difference of 1e150. */
  add(pairs: readonly OutputPair[]): void {
    for (const [at, state] of this.#outputs.entries()) {
      const pair = pairs[at];
      if (pair) addPair(state, pair, this.#samples);
    }
    this.#samples++;
  }

  report(against: string): Parity {
    let maxRel = 0;
    let maxAbs = 0;
    let worst = { output: this.#outputs[0]?.name ?? "", sample: 0 };
    let sqnrDb: number | null = null;
    let cosine = 1;
    let top1Agreement: number | null = null;
    const mismatches = this.#outputs.flatMap((state) => (state.mismatch ? [state.mismatch] : []));
    for (const state of this.#outputs) {
      const rms = state.count === 0 ? 0 : Math.sqrt(state.sumSource / state.count);
      for (const [sample, { maxAbsSource, maxAbsDifference }] of state.perSample.entries()) {
        const rel = maxAbsDifference / parityScale(maxAbsSource, rms);
        if (rel > maxRel) [maxRel, worst] = [rel, { output: state.name, sample }];
        maxAbs = Math.max(maxAbs, maxAbsDifference);
      }
      const ratio = decibels(state.sumSource, state.sumDifference);
      if (ratio !== null) sqnrDb = Math.min(sqnrDb ?? ratio, ratio);
      const norm = Math.sqrt(state.sumSource * state.sumVariant);
      if (state.nonFinite) cosine = -1;
      else if (norm > 0) cosine = Math.min(cosine, state.sumProduct / norm);
      if (state.elements > 1 && this.#samples > 0) {
        top1Agreement = Math.min(top1Agreement ?? 1, state.sameTop / this.#samples);
      }
    }
    return {
      against,
      samples: this.#samples,
      maxRel,
      worst,
      maxAbs,
      sqnrDb,
      cosine,
      top1Agreement,
      dead: this.#outputs.filter((state) => !state.changes).map((state) => state.name),
      ...(mismatches.length > 0 ? { integerMismatches: mismatches } : {}),
    };
  }
}

function addPair(state: OutputState, { source, variant }: OutputPair, sample: number): void {
  let maxAbsSource = 0;
  let maxAbsDifference = 0;
  let [topSource, topVariant] = [0, 0];
  for (let index = 0; index < source.length; index++) {
    const a = source[index] ?? 0;
    const b = variant[index] ?? Number.NaN;
    const equal = a === b || (Number.isNaN(a) && Number.isNaN(b));
    const apart = equal ? 0 : Math.abs(a - b);
    const difference = Number.isNaN(apart) ? unbounded : Math.min(apart, unbounded);
    maxAbsSource = Math.max(maxAbsSource, Number.isFinite(a) ? Math.abs(a) : 0);
    maxAbsDifference = Math.max(maxAbsDifference, difference);
    if (difference === unbounded) state.nonFinite = true;
    // What the source has of NaN and infinities is compared, but says nothing of how large its values are.
    if (Number.isFinite(a)) state.sumSource += a * a;
    if (Number.isFinite(a) && Number.isFinite(b)) {
      state.sumVariant += b * b;
      state.sumProduct += a * b;
    }
    state.sumDifference += difference * difference;
    if (a > (source[topSource] ?? 0)) topSource = index;
    if (b > (variant[topVariant] ?? 0)) topVariant = index;
    if (state.integer && !equal && !state.mismatch) {
      state.mismatch = { output: state.name, sample, index, source: a, variant: b };
    }
    if (state.first && a !== state.first[index]) state.changes = true;
  }
  if (variant.length !== source.length) maxAbsDifference = unbounded;
  state.first ??= Float64Array.from(source);
  state.count += source.length;
  state.elements = source.length;
  if (topSource === topVariant) state.sameTop++;
  state.perSample.push({ maxAbsSource, maxAbsDifference });
}
