/**
 * Ranges that clip: the search over narrower ranges, and the two costs that judge one on a histogram. Squared error is
 * what a rounding and a clipping cost together; divergence (Kullback-Leibler) is what TensorRT's calibration minimises
 * (Migacz 2017, "8-bit inference with TensorRT"), here over both ends of an asymmetric range.
 * Pure: a histogram and a range in, a range out.
 */
import { binCount, edgeOf, type Histogram } from "./histogram.ts";
import { int8Parameters, type Range, representable } from "./scales.ts";

const levels = 256;
/** Stands for the share of a level that nothing fell into: clipped values that land there are costly. */
const nothing = 1e-9;

export const within = (range: Range, outer: Range): Range => ({
  min: Math.max(range.min, outer.min),
  max: Math.min(range.max, outer.max),
});

export const leastErrorRange = (histogram: Histogram, seen: Range): Range =>
  search(seen, (range) => squaredError(histogram, range));

export const leastDivergenceRange = (histogram: Histogram, seen: Range): Range =>
  search(seen, (range) => divergence(histogram, range));

/** Shrinks both ends together, then each on its own, over a grid; keeps the range of least cost, the widest of equals. */
function search(seen: Range, cost: (range: Range) => number): Range {
  let best = seen;
  let bestCost = cost(seen);
  const offer = (range: Range) => {
    const found = cost(range);
    if (found < bestCost) [best, bestCost] = [range, found];
  };
  for (let step = 99; step >= 20; step--) offer({ min: (seen.min * step) / 100, max: (seen.max * step) / 100 });
  const joint = best;
  for (let step = 130; step >= 40; step -= 2) offer(within({ min: joint.min, max: (joint.max * step) / 100 }, seen));
  const upper = best;
  for (let step = 130; step >= 40; step -= 2) offer(within({ min: (upper.min * step) / 100, max: upper.max }, seen));
  return best;
}

/** Sum of squared errors of int8 over the histogram: scale²/12 inside (uniform rounding error), the distance outside. */
function squaredError(histogram: Histogram, range: Range): number {
  const parameters = int8Parameters(range);
  const { min, max } = representable(parameters);
  const rounding = (parameters.scale * parameters.scale) / 12;
  const halfBin = histogram.halfWidth / binCount;
  let error = 0;
  for (let bin = 0; bin < binCount; bin++) {
    const count = histogram.counts[bin] ?? 0;
    if (count === 0) continue;
    const centre = edgeOf(histogram, bin) + halfBin;
    const outside = centre > max ? centre - max : centre < min ? min - centre : 0;
    error += count * Math.max(rounding, outside * outside);
  }
  return error;
}

/**
 * KL(P‖Q): P is what was seen with everything outside the range counted at its ends; Q is P without that, spread evenly
 * over the bins in use of each of the 256 levels. The bin that starts at 0 is left out: 0 is exact under every range, and a
 * ReLU's many zeros would drown the rest.
 */
function divergence(histogram: Histogram, range: Range): number {
  const parameters = int8Parameters(range);
  const { min, max } = representable(parameters);
  const width = (2 * histogram.halfWidth) / binCount;
  const first = Math.max(0, Math.floor(min / width) + binCount / 2);
  const last = Math.min(binCount - 1, Math.ceil(max / width) + binCount / 2 - 1);
  let [below, above] = [0, 0];
  const inside = new Float64Array(levels);
  const used = new Float64Array(levels);
  const levelOf = (bin: number) =>
    Math.min(levels - 1, Math.max(0, Math.floor(((bin - first + 0.5) * levels) / (last - first + 1))));
  let kept = 0;
  for (let bin = 0; bin < binCount; bin++) {
    const count = bin === binCount / 2 ? 0 : (histogram.counts[bin] ?? 0);
    if (count === 0) continue;
    if (bin < first) below += count;
    else if (bin > last) above += count;
    else {
      const level = levelOf(bin);
      inside[level] = (inside[level] ?? 0) + count;
      used[level] = (used[level] ?? 0) + 1;
      kept += count;
    }
  }
  const total = kept + below + above;
  if (total === 0) return 0;
  let sum = 0;
  for (let bin = first; bin <= last; bin++) {
    const count = bin === binCount / 2 ? 0 : (histogram.counts[bin] ?? 0);
    const seen = count + (bin === first ? below : 0) + (bin === last ? above : 0);
    if (seen === 0) continue;
    const level = levelOf(bin);
    const spread = count === 0 ? 0 : (inside[level] ?? 0) / (used[level] ?? 1);
    sum += (seen / total) * Math.log(seen / total / Math.max(kept === 0 ? 0 : spread / kept, nothing));
  }
  return sum;
}
