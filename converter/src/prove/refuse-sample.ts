/**
 * What a source says that does not run on a sample of its proof: where the sample was random, its values may be the
 * reason (ids beyond a vocabulary, a divisor of zero), and data is asked for.
 */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";

/** @throws PROOF_UNAVAILABLE; errors of other kinds as they are */
export function refuseSample(thrown: unknown, random: boolean): never {
  const cause = asFlotillaError(thrown);
  if (cause.code !== "UNSUPPORTED_RUNTIME" && cause.code !== "PROOF_UNAVAILABLE") throw cause;
  const advice = random
    ? "It was tried on random samples (floats from -1 to 1, ids of tables, other integers 0 and 1). If its inputs take other values only, such as ids or divisors, give some with --calibration; else recorded answers with --golden, or convert with --no-prove."
    : "It was tried on the data given. Give data that it runs on, recorded answers with --golden, or convert with --no-prove.";
  throw new FlotillaError("PROOF_UNAVAILABLE", `${cause.message} ${advice}`, {
    details: { random },
    cause,
  });
}
