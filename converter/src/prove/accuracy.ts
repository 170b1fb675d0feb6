/**
 * Top-1 accuracy over labelled data, with its 95 % Wilson score interval (Wilson 1927), and the interval of a drop between
 * two models on the same samples (Agresti and Min 2005).
 * Pure: predictions come in as arrays of scores.
 */

export interface AccuracyEstimate {
  readonly samples: number;
  readonly correct: number;
  /** A fraction, with the interval [low, high]. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Two-sided 95 %. */
const z = 1.959963984540054;

/** Index of the largest score; the first one of equals. */
export function topIndex(scores: ArrayLike<number>): number {
  let top = 0;
  for (let index = 1; index < scores.length; index++) if ((scores[index] ?? 0) > (scores[top] ?? 0)) top = index;
  return top;
}

export function wilson(correct: number, samples: number): AccuracyEstimate {
  if (samples === 0) return { samples, correct, value: 0, low: 0, high: 1 };
  const share = correct / samples;
  const scaled = (z * z) / samples;
  const centre = share + scaled / 2;
  const spread = z * Math.sqrt((share * (1 - share)) / samples + scaled / (4 * samples));
  return {
    samples,
    correct,
    value: share,
    low: Math.max(0, (centre - spread) / (1 + scaled)),
    high: Math.min(1, (centre + spread) / (1 + scaled)),
  };
}

/**
 * The 95 % interval of the drop from one model to another on the same samples: only samples that one of them gets right tell
 * anything. Wald's interval with half a sample more in each of the four cells, which holds its level where few differ.
 */
export function pairedDrop(
  lost: number,
  won: number,
  samples: number,
): { readonly low: number; readonly high: number } {
  const [more, fewer, all] = [lost + 0.5, won + 0.5, samples + 2];
  const centre = (more - fewer) / all;
  const spread = (z * Math.sqrt(Math.max(0, more + fewer - (more - fewer) ** 2 / all))) / all;
  return { low: Math.max(-1, centre - spread), high: Math.min(1, centre + spread) };
}
