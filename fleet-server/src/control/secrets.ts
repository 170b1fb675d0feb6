/**
 * Random tokens and their hashes. Tokens carry 256 random bits, so a plain SHA-256 is a safe way to keep them: there
 * is nothing to guess. Comparing is by looking the hash up, which takes the same time whatever the guess.
 */
import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";

export const createSecret = (): string => randomBytes(32).toString("base64url");
export const hashSecret = (secret: string): string => hash("sha256", secret, "hex");

/** How long a device has to answer the enrolment challenge. */
const challengeLifetimeMs = 60_000;

export interface Challenges {
  issue(device: string, nowMs: number): { readonly nonce: string; readonly expiresAtMs: number };
  isValid(device: string, nonce: string, nowMs: number): boolean;
}

/**
 * Challenges that need no memory: the nonce carries its expiry and a MAC over it and the device. An answer can be sent
 * twice, but enrolling is idempotent, so that gains nothing.
 */
export function createChallenges(): Challenges {
  const key = randomBytes(32);
  const macOf = (device: string, expiresAtMs: number): string =>
    createHmac("sha256", key).update(`${device}\n${expiresAtMs}`).digest("hex");
  return {
    issue(device, nowMs) {
      const expiresAtMs = nowMs + challengeLifetimeMs;
      return { nonce: `${expiresAtMs}.${macOf(device, expiresAtMs)}`, expiresAtMs };
    },
    isValid(device, nonce, nowMs) {
      const [expiry = "", mac = ""] = nonce.split(".");
      const expiresAtMs = Number(expiry);
      const expected = Buffer.from(macOf(device, expiresAtMs));
      const found = Buffer.from(mac);
      return found.length === expected.length && timingSafeEqual(found, expected) && expiresAtMs > nowMs;
    },
  };
}
