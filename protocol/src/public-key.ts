/**
 * Public keys in TUF's form (specification §4.2), used for TUF metadata and DSSE envelopes alike, and the signer port.
 * `ed25519/ed25519`: `keyval.public` is 64 hex digits. `ecdsa/ecdsa-sha2-nistp256`: a PEM SPKI.
 * Private keys never appear here; signers hold them, or only know where they are.
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { sha256Hex } from "./digest.ts";
import { FlotillaError } from "./errors.ts";
import type { JsonObject } from "./json-value.ts";
import { olpcJsonBytes } from "./tuf/olpc-json.ts";

/** A TUF key object. Unknown fields are kept, because the key id is a digest over all of them. */
export interface PublicKey extends JsonObject {
  readonly keytype: string;
  readonly scheme: string;
  readonly keyval: JsonObject & { readonly public: string };
}

/** Something that signs with one key: a key file, a KMS, a test. */
export interface Signer {
  readonly keyid: string;
  readonly publicKey: PublicKey;
  /** Signs the exact bytes; Ed25519 gives 64 bytes, ECDSA P-256 a DER signature. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The key id of a public key: SHA-256 over its OLPC canonical JSON (TUF specification §4.2). */
export function keyIdOf(key: PublicKey): string {
  return sha256Hex(olpcJsonBytes(key));
}

/** The TUF key object of a raw 32-byte Ed25519 public key. */
export function ed25519PublicKey(raw: Uint8Array): PublicKey {
  if (raw.length !== 32) {
    throw new FlotillaError("CONFIG_INVALID", `An Ed25519 public key has 32 bytes, found ${raw.length}.`);
  }
  return { keytype: "ed25519", scheme: "ed25519", keyval: { public: bytesToHex(raw) } };
}

/** SubjectPublicKeyInfo of an uncompressed P-256 point: these 26 bytes, then the 65 of the point (RFC 5480). */
const p256SpkiPrefix = hexToBytes("3059301306072a8648ce3d020106082a8648ce3d030107034200");

/** The TUF key object of an uncompressed 65-byte P-256 point. */
export function p256PublicKey(point: Uint8Array): PublicKey {
  if (point.length !== 65 || point[0] !== 4) {
    throw new FlotillaError("CONFIG_INVALID", "A P-256 public key is an uncompressed point of 65 bytes.");
  }
  const spki = new Uint8Array(p256SpkiPrefix.length + point.length);
  spki.set(p256SpkiPrefix);
  spki.set(point, p256SpkiPrefix.length);
  const lines = encodeBase64(spki).replace(/.{64}(?=.)/g, "$&\n");
  const pem = `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
  return { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: pem } };
}

/** What the verifier can use of a key. */
export interface KeyMaterial {
  readonly algorithm: "ed25519" | "ecdsa-p256";
  /** 32 bytes for Ed25519, the uncompressed point for P-256. */
  readonly bytes: Uint8Array;
  /** Equal for two key objects that hold the same key, however they are written. */
  readonly identity: string;
}

/** The usable part of a key, or null for a kind or encoding that Flotilla does not verify; such keys never count. */
export function keyMaterialOf(key: PublicKey): KeyMaterial | null {
  const text = key.keyval.public;
  if (key.scheme === "ed25519" && key.keytype === "ed25519") {
    return /^[0-9a-fA-F]{64}$/.test(text) ? material("ed25519", hexToBytes(text.toLowerCase())) : null;
  }
  // Older repositories repeat the scheme as key type and write the bare point in hex.
  const isP256 = key.keytype === "ecdsa" || key.keytype === "ecdsa-sha2-nistp256";
  if (key.scheme === "ecdsa-sha2-nistp256" && isP256) {
    const point = /^04[0-9a-fA-F]{128}$/.test(text) ? hexToBytes(text.toLowerCase()) : pointFromPem(text);
    return point === null ? null : material("ecdsa-p256", point);
  }
  return null;
}

function material(algorithm: KeyMaterial["algorithm"], bytes: Uint8Array): KeyMaterial {
  return { algorithm, bytes, identity: `${algorithm}:${bytesToHex(bytes)}` };
}

function pointFromPem(pem: string): Uint8Array | null {
  const body = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
  if (body === undefined) return null;
  let spki: Uint8Array;
  try {
    spki = decodeBase64(body.replace(/\s+/g, ""));
  } catch {
    return null; // not a key that we read; the caller counts it as absent
  }
  const prefixed = spki.length === p256SpkiPrefix.length + 65 && p256SpkiPrefix.every((byte, i) => spki[i] === byte);
  return prefixed ? spki.slice(p256SpkiPrefix.length) : null;
}
