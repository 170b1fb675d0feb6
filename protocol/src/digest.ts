/**
 * SHA-256, one-shot and streaming: a pure implementation (`@noble/hashes`), or a faster one that the platform provides.
 * Digests are lowercase hex everywhere in Flotilla (design: formats.md, Rules for all documents).
 * WebCrypto is not used: it cannot stream, and a phone must not hold a whole model to hash it.
 */
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { FlotillaError } from "./errors.ts";

const digestPattern = /^[0-9a-f]{64}$/;

/** Whether `text` is a SHA-256 digest in the form that Flotilla writes: 64 lowercase hex digits. */
export function isSha256Hex(text: string): boolean {
  return digestPattern.test(text);
}

/** The lowercase hex SHA-256 of `bytes`. */
export function sha256Hex(bytes: Uint8Array): string {
  return createSha256().update(bytes).digestHex();
}

/** The lowercase hex SHA-512 of `bytes`; only for TUF metadata of others, Flotilla itself writes SHA-256. */
export function sha512Hex(bytes: Uint8Array): string {
  return bytesToHex(sha512(bytes));
}

/** A running SHA-256: feed chunks with `update`, then take `digestHex` once. */
export interface Sha256Stream {
  update(chunk: Uint8Array): Sha256Stream;
  digestHex(): string;
}

let platformSha256: (() => Sha256Stream) | null = null;

/**
 * Lets a platform put its own, faster SHA-256 in the place of the pure one (on Node seven times as fast).
 * @throws INTERNAL if what it gives is not SHA-256; the pure one then stays
 */
export function provideSha256(create: () => Sha256Stream): void {
  const found = create().update(new TextEncoder().encode("abc")).digestHex();
  if (found !== bytesToHex(sha256(new TextEncoder().encode("abc")))) {
    throw new FlotillaError("INTERNAL", `The platform's SHA-256 of "abc" is ${found}.`);
  }
  platformSha256 = create;
}

/** Starts a streaming SHA-256. `digestHex` ends it; further calls throw. */
export function createSha256(): Sha256Stream {
  if (platformSha256 !== null) return platformSha256();
  const state = sha256.create();
  const stream: Sha256Stream = {
    update(chunk) {
      state.update(chunk);
      return stream;
    },
    digestHex: () => bytesToHex(state.digest()),
  };
  return stream;
}
