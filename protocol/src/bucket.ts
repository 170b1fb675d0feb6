/**
 * Where a device stands in a rollout: a salted hash of its id gives `u` in [0, 1), the stage takes the low end, the
 * control arm the high end (formula: formats.md, "Bucket"; vectors: bucket-vectors.json). Server and device must come
 * to the same `u` bit for bit, so this file is the only place that computes it. It knows nothing of rollouts.
 */
import { sha256 } from "@noble/hashes/sha2.js";

export type BucketArm = "stage" | "control" | "outside";

/**
 * `floor(SHA-256(utf8(salt + "\n" + device))[first 8 bytes, big-endian] / 2^11) / 2^53`: 53 bits, exact in a double.
 * With the salt kept, a device's bucket never changes: 1 % is a subset of 5 %, of 25 %.
 */
export function bucketOf(salt: string, device: string): number {
  const hash = sha256(new TextEncoder().encode(`${salt}\n${device}`));
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
  return (view.getUint32(0) * 2 ** 21 + (view.getUint32(4) >>> 11)) / 2 ** 53;
}

/** In the stage iff `u < thresholdBp / 10000`. */
export function inStage(u: number, thresholdBp: number): boolean {
  return u < thresholdBp / 10_000;
}

/** In the control arm iff `u ≥ 1 − shareBp / 10000`. */
export function inControl(u: number, shareBp: number): boolean {
  return u >= 1 - shareBp / 10_000;
}

/** Stage and control arm are disjoint; where a plan makes them overlap (a stage of 100 %), the stage wins. */
export function armOf(u: number, thresholdBp: number, controlShareBp = 0): BucketArm {
  if (inStage(u, thresholdBp)) return "stage";
  return controlShareBp > 0 && inControl(u, controlShareBp) ? "control" : "outside";
}
