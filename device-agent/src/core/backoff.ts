/** How long to wait before trying again: doubling, bounded, spread by a hash instead of by chance, so that it is pure. */
import { bucketOf } from "@flotilla/protocol/bucket";

/** First wait 1 s, longest 10 min: a fleet that lost its server comes back spread over minutes. */
export const backoffLimits = { firstMs: 1_000, longestMs: 600_000 } as const;

/** The wait before attempt `failures + 1`, between half of and the whole doubled interval. */
export function backoffMs(failures: number, seed: string): number {
  const whole = Math.min(backoffLimits.longestMs, backoffLimits.firstMs * 2 ** Math.max(0, failures - 1));
  return Math.round(whole * (0.5 + 0.5 * bucketOf(`backoff-${failures}`, seed)));
}
