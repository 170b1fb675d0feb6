/**
 * SHA-256, one-shot and streaming, the same pure implementation on every platform (`@noble/hashes`).
 * Digests are lowercase hex everywhere in Flotilla (design: formats.md, Rules for all documents).
 * WebCrypto is not used: it cannot stream, and a phone must not hold a whole model to hash it.
 */
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const digestPattern = /^[0-9a-f]{64}$/;

/** Whether `text` is a SHA-256 digest in the form that Flotilla writes: 64 lowercase hex digits. */
export function isSha256Hex(text: string): boolean {
  return digestPattern.test(text);
}

/** The lowercase hex SHA-256 of `bytes`. */
export function sha256Hex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
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

/** Starts a streaming SHA-256. `digestHex` ends it; further calls throw. */
export function createSha256(): Sha256Stream {
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
