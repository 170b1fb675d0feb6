/**
 * Outputs that jump: a maximum kept or dropped, an index that changes, at values that differ in their last bits. There no
 * two runtimes agree, and the difference says nothing about the conversion. A tie is shown, not assumed: the source itself
 * gives the variant's value for an input that is moved by less than what outputs may differ by (design: formats.md, "Parity").
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Sample, SourceTruth } from "../runtimes/source-truth.ts";

/** A tie that a move decides by chance is missed by all of them once in 65,536. */
const moves = 16;
/** Relative, taken in turn: float32 carries 6e-8, sums of thousands lose some 1e-6, and deep nets pass on a multiple of it. */
const steps = [2 ** -18, 2 ** -14] as const;
/** More than this share of an output's elements are no ties but a fault, or noise. */
const maxTiedShare = 0.02;

/** What the source answers for inputs nearby: per sample, one answer per move. */
export async function answersNearby(truth: SourceTruth, samples: readonly Sample[]): Promise<Sample[][]> {
  const nearby: Sample[][] = [];
  for (const sample of samples) {
    const answers: Sample[] = [];
    for (let move = 0; move < moves; move++) answers.push(...(await truth.run([movedBy(sample, move)])));
    nearby.push(answers);
  }
  return nearby;
}

/** Every float moves up or down by up to a step, by a fixed sequence of its own. */
function movedBy(sample: Sample, move: number): Sample {
  const step = steps[move % 2] ?? steps[0];
  return sample.map((array, place): NdArray => {
    if (!(array.data instanceof Float32Array)) return array;
    let state = (move * 7919 + place * 104_729 + 1) >>> 0;
    const data = array.data.map((value) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes' generator
      return value * (1 + step * (state / 2 ** 31 - 1));
    });
    return { ...array, data };
  });
}

export interface Settled {
  readonly source: ArrayLike<number>;
  /** Elements whose value is one that the source takes nearby. */
  readonly ties: number;
}

/**
 * The source's answer, with the value nearby that the variant gave wherever that is a tie.
 * `tolerance`: how far two values may be apart that are the same (absolute; 0 for integers).
 */
export function settleTies(
  source: ArrayLike<number>,
  nearby: readonly ArrayLike<number>[],
  variant: ArrayLike<number>,
  tolerance: number,
): Settled {
  const settled = Float64Array.from(source);
  let ties = 0;
  for (let at = 0; at < settled.length; at++) {
    const found = variant[at] ?? Number.NaN;
    if (Math.abs((settled[at] ?? 0) - found) <= tolerance) continue;
    const other = nearby.find((answer) => Math.abs((answer[at] ?? Number.NaN) - found) <= tolerance)?.[at];
    if (other === undefined) continue;
    settled[at] = other;
    ties++;
  }
  return ties <= Math.max(1, settled.length * maxTiedShare) ? { source: settled, ties } : { source, ties: 0 };
}
