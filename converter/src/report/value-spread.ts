/**
 * What a tensor's values were on samples, in bounded memory: their range, a histogram, how many lie beyond what its integers
 * can hold, and which of the integers were used at all. A pure fold; numbers that are not finite are counted and left out.
 */
import { countInto, edgeOf, emptyHistogram, type Histogram, quantile } from "../quantize/histogram.ts";
import type { Range } from "../quantize/scales.ts";

/** Bars of a histogram in the report. */
const bars = 48;
/** Half of what lies outside the middle 99.9 %. */
const tail = 0.0005;

/** Equal bars from `from` to `to`. */
export interface Bars {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

export interface Spread {
  /** What the values were; null where there was no finite one. */
  readonly seen: Range | null;
  /** The middle 99.9 % of them. */
  readonly central: Range | null;
  readonly histogram: Bars | null;
  readonly values: number;
  readonly nonFinite: number;
  /** Share of values beyond the integers' range; null for floats. */
  readonly clippedShare: number | null;
  /** Mean square of how far beyond. */
  readonly clippedPower: number;
  /** Root mean square of the values. */
  readonly rms: number;
}

export class SpreadMeter {
  readonly #bounds: Range | null;
  readonly #histogram: Histogram = emptyHistogram();
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #values = 0;
  #nonFinite = 0;
  #clipped = 0;
  #clippedSquares = 0;
  #squares = 0;

  /** `bounds`: what the integers can hold; null for floats. */
  constructor(bounds: Range | null) {
    this.#bounds = bounds;
  }

  add(values: Float32Array): void {
    const low = this.#bounds?.min ?? Number.NEGATIVE_INFINITY;
    const high = this.#bounds?.max ?? Number.POSITIVE_INFINITY;
    let largest = 0;
    let nonFinite = 0;
    for (let at = 0; at < values.length; at++) {
      const value = values[at] ?? 0;
      if (value - value !== 0) {
        nonFinite++;
        continue;
      }
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
      const magnitude = Math.abs(value);
      if (magnitude > largest) largest = magnitude;
      this.#squares += value * value;
      if (value >= low && value <= high) continue;
      const beyond = value > high ? value - high : low - value;
      this.#clippedSquares += beyond * beyond;
      this.#clipped++;
    }
    const finite = nonFinite === 0 ? values : values.filter(Number.isFinite);
    if (finite.length > 0) countInto(this.#histogram, finite, largest);
    this.#values += values.length;
    this.#nonFinite += nonFinite;
  }

  result(): Spread {
    const count = this.#values - this.#nonFinite;
    const seen = count === 0 ? null : { min: this.#min, max: this.#max };
    return {
      seen,
      central: seen && {
        min: Math.max(seen.min, quantile(this.#histogram, tail, "low")),
        max: Math.min(seen.max, quantile(this.#histogram, 1 - tail, "high")),
      },
      histogram: seen && barsOf(this.#histogram, seen),
      values: this.#values,
      nonFinite: this.#nonFinite,
      clippedShare: this.#bounds === null || this.#values === 0 ? null : this.#clipped / this.#values,
      clippedPower: count === 0 ? 0 : this.#clippedSquares / count,
      rms: count === 0 ? 0 : Math.sqrt(this.#squares / count),
    };
  }
}

function barsOf(histogram: Histogram, { min, max }: Range): Bars {
  const counts = new Array<number>(bars).fill(0);
  const width = max - min;
  for (const [bin, count] of histogram.counts.entries()) {
    if (count === 0) continue;
    const middle = (edgeOf(histogram, bin) + edgeOf(histogram, bin + 1)) / 2;
    const bar = width > 0 ? Math.floor(((middle - min) / width) * bars) : 0;
    const held = Math.min(bars - 1, Math.max(0, bar));
    counts[held] = (counts[held] ?? 0) + count;
  }
  return { from: min, to: max, counts };
}
