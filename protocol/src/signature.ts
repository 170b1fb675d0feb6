/**
 * Signature verification, one implementation on every platform (`@noble/curves`), because verdicts on malformed
 * signatures differ between libraries and a fleet must agree with itself.
 * Ed25519 follows RFC 8032 / FIPS 186-5 (no ZIP-215 leniency); ECDSA P-256 takes DER and does not ask for a low S,
 * as OpenSSL and the KMSes write high ones.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { sha256Hex } from "./digest.ts";
import { keyMaterialOf, type PublicKey } from "./public-key.ts";

/** One signature as metadata and envelopes carry it. */
export interface KeySignature {
  readonly keyid: string;
  readonly signature: Uint8Array;
}

/** Whether `signature` is `key`'s over exactly `message`. Malformed keys and signatures are simply not valid. */
export function verifySignature(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const material = keyMaterialOf(key);
  if (material === null) return false;
  const triple = `${material.identity} ${sha256Hex(message)} ${bytesToHex(signature)}`;
  if (verified.has(triple)) return true;
  try {
    const valid =
      material.algorithm === "ed25519"
        ? ed25519.verify(signature, message, material.bytes, { zip215: false })
        : p256.verify(signature, message, material.bytes, { format: "der", lowS: false, prehash: true });
    if (valid) remember(triple);
    return valid;
  } catch {
    return false; // the library throws on wrong lengths and points off the curve
  }
}

/**
 * Triples of key, message digest and signature found valid. The verdict is a pure function of the three, and a
 * verification costs a millisecond and more: an agent meets the same timestamp at every refresh, a process with
 * hundreds of virtual devices meets every signature hundreds of times.
 */
const verified = new Set<string>();
const maxVerified = 1024; // oldest first out; about 300 kB

function remember(triple: string): void {
  for (const oldest of verified) {
    if (verified.size < maxVerified) break;
    verified.delete(oldest);
  }
  verified.add(triple);
}

/**
 * How many different keys of `keys` have validly signed `message`. The same key under two ids counts once;
 * signatures by unknown keys and wrong signatures do not count and do no harm.
 */
export function countValidSignatures(
  message: Uint8Array,
  signatures: readonly KeySignature[],
  keys: ReadonlyMap<string, PublicKey>,
): number {
  const signedBy = new Set<string>();
  for (const { keyid, signature } of signatures) {
    const key = keys.get(keyid);
    const identity = key === undefined ? undefined : keyMaterialOf(key)?.identity;
    if (key === undefined || identity === undefined || signedBy.has(identity)) continue;
    if (verifySignature(key, message, signature)) signedBy.add(identity);
  }
  return signedBy.size;
}
