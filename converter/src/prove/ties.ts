/**
 * Elements at which no two runtimes agree: a maximum kept or dropped at values that differ in their last bits, an index
 * that changes, or nets so steep that the last bits of their input show in the output. There a difference says nothing
 * about the conversion. That is shown, not assumed: the source itself gives the variant's value for an input that is
 * moved by less than what outputs may differ by (design: formats.md, "Parity").
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Sample, SourceTruth } from "../runtimes/source-truth.ts";

/** A tie that a move decides by chance is missed by all of them once in 65,536. */
const moves = 16;
/**
 * Relative, taken in turn, the smallest first: float32 carries 2^-24, sums of thousands lose some 2^-20, and deep nets
 * pass on a multiple of it. The further a move, the less likely it hits a wrong value by chance, and the right one too.
 */
const steps = [2 ** -22, 2 ** -20, 2 ** -18, 2 ** -14] as const;
/** More than this share of an output's elements are no ties but a fault, or noise. */
const maxTiedShare = 0.02;

/** What the source answers for inputs nearby: computed when asked for, once for all variants and runtimes. */
export class NearbyAnswers {
  readonly #open: () => Promise<SourceTruth>;
  readonly #samples: readonly Sample[];
  readonly #answers = new Map<string, Sample>();
  #truth: SourceTruth | undefined;

  /** `open`: the source in its own runtime; called when something is asked for first. */
  constructor(open: () => Promise<SourceTruth>, samples: readonly Sample[]) {
    this.#open = open;
    this.#samples = samples;
  }

  /** The answer for a sample after a move. @throws PROOF_UNAVAILABLE */
  async answer(sample: number, move: number): Promise<Sample> {
    const key = `${sample} ${move}`;
    const known = this.#answers.get(key);
    if (known) return known;
    this.#truth ??= await this.#open();
    const [answer = []] = await this.#truth.run([movedBy(this.#samples[sample] ?? [], move)]);
    this.#answers.set(key, answer);
    return answer;
  }

  close(): void {
    this.#truth?.close();
    this.#truth = undefined;
  }
}

/** Every float moves up or down by up to a step, by a fixed sequence of its own. */
function movedBy(sample: Sample, move: number): Sample {
  const step = steps[move % steps.length] ?? steps[0];
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

/** One output of one sample. */
export interface TiePair {
  readonly source: ArrayLike<number>;
  readonly variant: ArrayLike<number>;
  /** How far two values may be apart that are the same (absolute; 0 for integers). */
  readonly tolerance: number;
}

export interface Settled {
  /** The source's answer per output, with the value nearby that the variant gave wherever that is a tie. */
  readonly sources: readonly ArrayLike<number>[];
  /** Elements whose value is one that the source takes nearby. */
  readonly ties: number;
}

/**
 * Settles the ties of one sample; asks for a move only while there are differences that none has shown yet.
 * `nearby`: the source's outputs after a move, as real numbers.
 */
export async function settleTies(
  pairs: readonly TiePair[],
  nearby: (move: number) => Promise<readonly ArrayLike<number>[]>,
): Promise<Settled> {
  const differing = pairs.map(differences);
  let left = differing.reduce((sum, { length }) => sum + length, 0);
  const tooMany = differing.some(
    ({ length }, at) => length > Math.max(1, (pairs[at]?.source.length ?? 0) * maxTiedShare),
  );
  if (left === 0 || tooMany) return { sources: pairs.map(({ source }) => source), ties: 0 };
  const sources = pairs.map(({ source }) => Float64Array.from(source));
  let ties = 0;
  for (let move = 0; move < moves && left > 0; move++) {
    const others = await nearby(move);
    for (const [at, { variant, tolerance }] of pairs.entries()) {
      const unsettled = (differing[at] ?? []).filter((index) => {
        const other = others[at]?.[index] ?? Number.NaN;
        if (!(Math.abs(other - (variant[index] ?? Number.NaN)) <= tolerance)) return true;
        sources[at]?.fill(other, index, index + 1);
        return false;
      });
      const settled = (differing[at]?.length ?? 0) - unsettled.length;
      ties += settled;
      left -= settled;
      differing[at] = unsettled;
    }
  }
  return { sources, ties };
}

/** Where the two are not the same. */
function differences({ source, variant, tolerance }: TiePair): readonly number[] {
  const found: number[] = [];
  for (let at = 0; at < source.length; at++) {
    const [a, b] = [source[at] ?? 0, variant[at] ?? Number.NaN];
    const same = a === b || Math.abs(a - b) <= tolerance || (Number.isNaN(a) && Number.isNaN(b));
    if (!same) found.push(at);
  }
  return found;
}
