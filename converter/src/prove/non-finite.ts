/**
 * What of a source's own answers is NaN or infinite: any two runtimes agree there, so it proves nothing about the variant.
 * Where that is most of an output, the samples do not suit the model (logarithms of negative values), and others are asked for.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Sample } from "../runtimes/source-truth.ts";

/** An output of which the source's answers are not all finite. */
export interface NonFiniteOutput {
  readonly output: string;
  /** Of its elements over all samples, 0 to 1. */
  readonly share: number;
}

/** With more than this of an output there is no proof. */
const maxShare = 0.5;

/** @throws PROOF_UNAVAILABLE where most of an output is not finite */
export function nonFiniteOutputs(
  outputs: readonly { readonly name: string }[],
  answers: readonly Sample[],
): readonly NonFiniteOutput[] {
  const found = outputs.flatMap(({ name }, place): NonFiniteOutput[] => {
    let [bad, count] = [0, 0];
    for (const answer of answers) {
      const data = answer[place]?.data;
      if (!(data instanceof Float32Array || data instanceof Float64Array)) continue;
      count += data.length;
      for (const value of data) if (!Number.isFinite(value)) bad++;
    }
    return bad > 0 ? [{ output: name, share: bad / count }] : [];
  });
  const [worst] = [...found].sort((a, b) => b.share - a.share);
  if (worst === undefined || worst.share <= maxShare) return found;
  throw new FlotillaError(
    "PROOF_UNAVAILABLE",
    `The source itself answers NaN or infinity for ${(worst.share * 100).toFixed(0)} % of "${worst.output}": nothing is proven by that. ` +
      "Give data that the model is made for with --calibration, recorded answers to such data with --golden, or convert with --no-prove.",
    { details: { ...worst } },
  );
}
