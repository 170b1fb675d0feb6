/**
 * Refuses options of `convert` that contradict each other or mean nothing, before anything is read: a bound that nothing
 * would measure must not look met. Options that one module alone understands are checked there.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ConvertOptions } from "./convert-options.ts";
import { parseTarget } from "./runtime-target.ts";

/** @throws CONFIG_INVALID */
export function checkOptions(options: ConvertOptions): void {
  const { name, recipes, prove, golden, evaluate, minSqnrDb, proofSamples, target } = options;
  if (target !== undefined) parseTarget(target);
  if (name !== undefined && !/^[^/\\\p{Cc}]+$/u.test(name)) {
    throw refused("name", name, "The name is that of a file: not empty, without slashes.");
  }
  if (prove === false && (minSqnrDb !== undefined || evaluate?.maxDrop !== undefined)) {
    throw refused("prove", prove, "Without a proof nothing measures --min-sqnr and --max-drop. Leave out --no-prove.");
  }
  if (prove === false && recipes?.includes("auto")) {
    throw refused("prove", prove, "The recipe auto is what a proof makes of it. Leave out --no-prove.");
  }
  if (golden !== undefined && evaluate) {
    throw refused(
      "golden",
      golden,
      "Recorded outputs tell no accuracy: the source itself has to run. Use one of both.",
    );
  }
  const { maxDrop, samples } = evaluate ?? {};
  if (maxDrop !== undefined && !(maxDrop >= 0 && maxDrop <= 1)) {
    throw refused("max-drop", maxDrop, `--max-drop is a fraction from 0 to 1, found ${maxDrop}.`);
  }
  if (minSqnrDb !== undefined && !Number.isFinite(minSqnrDb)) {
    throw refused("min-sqnr", minSqnrDb, `--min-sqnr is a number of decibels, found ${minSqnrDb}.`);
  }
  for (const [option, count] of Object.entries({ "evaluate-samples": samples, "proof-samples": proofSamples })) {
    if (count === undefined || (Number.isSafeInteger(count) && count > 0)) continue;
    throw refused(option, count, `--${option} takes a number from 1 on, found ${count}.`);
  }
}

const refused = (option: string, found: unknown, message: string): FlotillaError =>
  new FlotillaError("CONFIG_INVALID", message, { details: { option, found: String(found) } });
