/** The bounds a variant must meet, and the errors when it does not (design: formats.md "Parity", cli.md exit code 5). */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ConvertOptions } from "./convert-options.ts";
import type { ProvenParity } from "./convert-result.ts";
import type { DraftVariant } from "./draft-variant.ts";
import type { Accuracy } from "./prove/measure-accuracy.ts";
import { float32MaxRel } from "./prove/parity.ts";

/** Does a variant that computes what the source computes differ from it by more than another order of additions does? */
const differsInFloat = (
  { exact }: Pick<DraftVariant, "exact">,
  { maxRel, integerMismatches = [] }: Pick<ProvenParity, "maxRel" | "integerMismatches">,
): boolean => exact && (!(maxRel <= float32MaxRel) || integerMismatches.length > 0);

/** @throws PROOF_PARITY, PROOF_SQNR, PROOF_ACCURACY */
export function checkBounds(
  { recipe, exact, described }: Pick<DraftVariant, "recipe" | "exact" | "described">,
  parity: ProvenParity,
  accuracy: Accuracy | null,
  options: Pick<ConvertOptions, "minSqnrDb" | "evaluate">,
): void {
  const search = described.format === "tflite" ? described.search : undefined;
  const searched = search ? { search } : {};
  const { maxRel, worst, sqnrDb, integerMismatches = [] } = parity;
  if (differsInFloat({ exact }, parity)) {
    throw new FlotillaError(
      "PROOF_PARITY",
      `${recipe} differs from ${parity.against} by ${maxRel.toExponential(2)} (relative) in output "${worst.output}" of ` +
        `sample ${worst.sample}; at most ${float32MaxRel} is allowed. This is a fault of the conversion: please report it.`,
      { details: { recipe, bound: float32MaxRel, maxRel, worst, integerMismatches } },
    );
  }
  const minSqnrDb = options.minSqnrDb ?? search?.bounds.minSqnrDb ?? undefined;
  if (minSqnrDb !== undefined && sqnrDb !== null && !(sqnrDb >= minSqnrDb)) {
    throw new FlotillaError(
      "PROOF_SQNR",
      `${recipe} has ${sqnrDb.toFixed(1)} dB against ${parity.against}; --min-sqnr asks for ${minSqnrDb}. ` +
        "Calibrate on more data that looks like live input, or choose another method or recipe.",
      { details: { recipe, bound: minSqnrDb, sqnrDb, ...searched } },
    );
  }
  const maxDrop = options.evaluate?.maxDrop;
  if (maxDrop !== undefined && accuracy && !(accuracy.drop <= maxDrop)) {
    throw new FlotillaError(
      "PROOF_ACCURACY",
      `${recipe} is right on ${accuracy.variant.toFixed(4)} of ${accuracy.samples} samples and the source on ` +
        `${accuracy.source.toFixed(4)}; --max-drop allows ${maxDrop}.`,
      {
        details: {
          recipe,
          bound: maxDrop,
          drop: accuracy.drop,
          source: accuracy.source,
          variant: accuracy.variant,
          ...searched,
        },
      },
    );
  }
}
