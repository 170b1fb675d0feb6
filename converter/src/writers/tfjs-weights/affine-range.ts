/**
 * The affine range in which weights are stored as unsigned integers with the least squared error, under the formula by
 * which tfjs decodes them: `q · scale + min`, min nudged so that 0 is exact where the range holds it
 * (`tensorflowjs/quantization.py`). The whole range is one candidate among ranges with their ends cut off: few outliers
 * may cost all other weights more than they are worth. Deterministic.
 */

export interface AffineRange {
  readonly scale: number;
  readonly min: number;
}

/** Bins of the distribution that cut ranges are judged by. */
const bins = 4096;
/** Ends are cut by so many steps of a 64th of the range; the least error of real nets lay within a third of it. */
const steps = 24;
const stepsPerRange = 64;

/** `levels`: 256 or 65536. The values are finite. */
export function leastErrorRange(values: Float32Array, levels: number): AffineRange {
  const [least, greatest] = endsOf(values);
  if (least === greatest) return { scale: 1, min: least };
  const whole = rangeOf(least, greatest, levels);
  const cut = bestCut(values, least, greatest, levels);
  const candidates = cut ? [whole, cut, refined(values, cut, levels)] : [whole];
  candidates.push(refined(values, whole, levels));
  const errors = candidates.map((range) => squaredError(values, range, levels));
  return candidates[errors.indexOf(Math.min(...errors))] ?? whole;
}

/** The integer that stands for a value. Ties go to even, as NumPy rounds. */
export function quantizeTo(value: number, { scale, min }: AffineRange, levels: number): number {
  const real = (value - min) / scale;
  const down = Math.floor(real);
  const rest = real - down;
  const q = rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
  return Math.min(Math.max(q, 0), levels - 1);
}

function endsOf(values: Float32Array): [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}

function rangeOf(low: number, high: number, levels: number): AffineRange {
  const scale = (high - low) / (levels - 1);
  return { scale, min: low <= 0 && high >= 0 ? -zeroPointOf(low, scale, levels) * scale : low };
}

const zeroPointOf = (low: number, scale: number, levels: number): number =>
  Math.min(Math.max(Math.round(-low / scale), 0), levels - 1);

/**
 * The cut of both ends with the least expected error: what is inside a range costs a twelfth of its squared scale, what
 * is outside the square of its distance.
 */
function bestCut(values: Float32Array, least: number, greatest: number, levels: number): AffineRange | null {
  const width = (greatest - least) / bins;
  const counts = new Float64Array(bins);
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - least) / width))]! += 1;
  const below = outsideError(counts, width);
  const above = outsideError(counts.toReversed(), width);
  let best: { readonly error: number; readonly low: number; readonly high: number } | null = null;
  for (let left = 0; left <= steps; left++) {
    for (let right = 0; right <= steps; right++) {
      const [from, to] = [(left * bins) / stepsPerRange, (right * bins) / stepsPerRange];
      const scale = ((bins - from - to) * width) / (levels - 1);
      const inside = values.length - (below.counts[from] ?? 0) - (above.counts[to] ?? 0);
      const error = (inside * scale * scale) / 12 + (below.errors[from] ?? 0) + (above.errors[to] ?? 0);
      if (best && error >= best.error) continue;
      best = { error, low: least + from * width, high: greatest - to * width };
    }
  }
  return best && (best.low !== least || best.high !== greatest) ? rangeOf(best.low, best.high, levels) : null;
}

/** For every bin edge: how many values lie in front of it, and the squares of their distances to it. */
function outsideError(counts: Float64Array, width: number): { counts: Float64Array; errors: Float64Array } {
  const [seen, errors] = [new Float64Array(bins + 1), new Float64Array(bins + 1)];
  // Moving the edge by one bin adds width to all distances d: Σ(d + w)² = Σd² + 2wΣd + n·w².
  let [count, distances, squares] = [0, 0, 0];
  for (let bin = 0; bin < bins; bin++) {
    squares += 2 * width * distances + count * width * width;
    distances += count * width;
    const here = counts[bin] ?? 0;
    count += here;
    distances += (here * width) / 2;
    squares += (here * width * width) / 4;
    seen[bin + 1] = count;
    errors[bin + 1] = squares;
  }
  return { counts: seen, errors };
}

/** Scale and minimum by least squares over the integers that a range gives; 0 stays exact where it was. */
function refined(values: Float32Array, range: AffineRange, levels: number): AffineRange {
  const zeroPoint = Math.round(-range.min / range.scale);
  if (zeroPoint < 0 || zeroPoint >= levels || -zeroPoint * range.scale !== range.min) return range;
  let [products, squares] = [0, 0];
  for (const value of values) {
    const q = quantizeTo(value, range, levels) - zeroPoint;
    products += q * value;
    squares += q * q;
  }
  const scale = products / squares;
  return scale > 0 && Number.isFinite(scale) ? { scale, min: -zeroPoint * scale } : range;
}

function squaredError(values: Float32Array, range: AffineRange, levels: number): number {
  let sum = 0;
  for (const value of values) {
    const difference = Math.fround(quantizeTo(value, range, levels) * range.scale + range.min) - value;
    sum += difference * difference;
  }
  return sum;
}
