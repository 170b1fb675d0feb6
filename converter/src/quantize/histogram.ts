/**
 * A bounded histogram of float values on a grid around zero. Its half-width is a power of two that doubles when
 * needed, by merging pairs of bins, so counts are exact, memory is fixed, and the result does not depend on anything
 * but the values (observers need that: design, formats.md "Determinism").
 */

export const binCount = 8192;
const half = binCount / 2;
const smallestHalfWidth = 2 ** -30;

export interface Histogram {
  /** Bins cover [-halfWidth, halfWidth]. */
  halfWidth: number;
  counts: Float64Array;
  total: number;
}

export const emptyHistogram = (): Histogram => ({ halfWidth: 0, counts: new Float64Array(binCount), total: 0 });

/** Counts `values`, none of which may be larger in magnitude than `largest`. */
export function countInto(histogram: Histogram, values: Float32Array, largest: number): void {
  widen(histogram, largest);
  const { counts } = histogram;
  const binsPerUnit = half / histogram.halfWidth; // a power of two: the product below is exact
  for (let index = 0; index < values.length; index++) {
    const bin = Math.floor((values[index] ?? 0) * binsPerUnit) + half;
    const held = bin >= binCount ? binCount - 1 : bin;
    counts[held] = (counts[held] ?? 0) + 1;
  }
  histogram.total += values.length;
}

function widen(histogram: Histogram, largest: number): void {
  if (histogram.halfWidth === 0) {
    histogram.halfWidth = smallestHalfWidth;
    while (histogram.halfWidth < largest) histogram.halfWidth *= 2;
    return;
  }
  while (histogram.halfWidth < largest) {
    const merged = new Float64Array(binCount);
    for (let bin = 0; bin < binCount; bin++) {
      const target = Math.floor((bin - half) / 2) + half;
      merged[target] = (merged[target] ?? 0) + (histogram.counts[bin] ?? 0);
    }
    histogram.counts = merged;
    histogram.halfWidth *= 2;
  }
}

/** The lower edge of a bin. */
export const edgeOf = (histogram: Histogram, bin: number): number => ((bin - half) / half) * histogram.halfWidth;

/** The value below which `share` of all counted values lie, to within one bin, rounded outwards towards `side`. */
export function quantile(histogram: Histogram, share: number, side: "low" | "high"): number {
  const wanted = share * histogram.total;
  let seen = 0;
  for (let bin = 0; bin < binCount; bin++) {
    seen += histogram.counts[bin] ?? 0;
    if (seen > wanted || (side === "high" && seen >= wanted)) {
      return edgeOf(histogram, side === "low" ? bin : bin + 1);
    }
  }
  return histogram.halfWidth;
}
