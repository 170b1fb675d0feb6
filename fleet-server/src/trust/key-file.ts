/**
 * A private key in a file: JSON with the public key in the clear and the private one under a passphrase
 * (scrypt, RFC 7914, and AES-256-GCM over the private key with the whole header authenticated).
 * A key is stored unencrypted only if that is asked for by name. Where the passphrase comes from is the caller's matter.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { decodeBase64, encodeBase64 } from "@flotilla/protocol/base64";
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { ed25519Signer } from "./ed25519-signer.ts";

/** How the private key is protected. `cost` is scrypt's N, a power of two; 2^17 takes about 0.4 s and 128 MiB. */
export type KeyProtection =
  | { readonly encryption: "none" }
  | { readonly encryption: "passphrase"; readonly passphrase: string; readonly cost?: number };

/** What a key file tells without its passphrase. */
export interface KeyFileHead {
  readonly keyid: string;
  readonly label: string;
  readonly createdAtMs: number;
  readonly encrypted: boolean;
  readonly algorithm: "ed25519";
  /** Hex. */
  readonly publicKey: string;
}

const defaultCost = 2 ** 17; // OWASP's recommendation for scrypt with r = 8, p = 1
const maxCost = 2 ** 20; // 1 GiB; a file that asks for more is refused rather than obeyed
const minCost = 2 ** 10;
const blockSize = 8;
const maxFileBytes = 16_384;

/** Encodes a private key. */
export function encodeKeyFile(
  seed: Uint8Array,
  options: { readonly label: string; readonly createdAtMs: number; readonly protection: KeyProtection },
): Uint8Array {
  const { keyid, publicKey } = ed25519Signer(seed);
  const head = {
    type: "flotilla/key",
    version: 1,
    algorithm: "ed25519",
    keyid,
    public: publicKey.keyval.public,
    label: options.label,
    createdAtMs: options.createdAtMs,
  };
  const { protection } = options;
  if (protection.encryption === "none") {
    return canonicalJsonBytes({ ...head, encryption: null, secret: encodeBase64(seed) });
  }
  assertPassphrase(protection.passphrase);
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const cost = protection.cost ?? defaultCost;
  const encryption = {
    kdf: "scrypt",
    cost,
    blockSize,
    parallelization: 1,
    salt: encodeBase64(salt),
    cipher: "aes-256-gcm",
    nonce: encodeBase64(nonce),
  };
  const cipher = createCipheriv("aes-256-gcm", deriveKey(protection.passphrase, salt, cost), nonce);
  cipher.setAAD(canonicalJsonBytes({ ...head, encryption }));
  const secret = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]);
  return canonicalJsonBytes({ ...head, encryption, secret: encodeBase64(secret) });
}

/**
 * Reads what a key file tells in the clear.
 * @throws INTEGRITY_KEY if it is not a key file of this version
 */
export function readKeyFileHead(bytes: Uint8Array): KeyFileHead {
  const { json, encryption } = parseKeyFile(bytes);
  const { keyid, label, createdAtMs, algorithm, public: publicKey } = json;
  if (typeof keyid !== "string" || typeof label !== "string" || typeof publicKey !== "string") throw damaged("keyid");
  if (typeof createdAtMs !== "number" || algorithm !== "ed25519") throw damaged("algorithm");
  return { keyid, label, createdAtMs, algorithm, publicKey, encrypted: encryption !== null };
}

/**
 * Opens a key file for signing.
 * @param passphrase needed if the key is encrypted
 * @throws INTEGRITY_KEY for a wrong or missing passphrase, a damaged file, or a private key that is not the public one's
 */
export function openKeyFile(bytes: Uint8Array, passphrase: string | null): Signer {
  const head = readKeyFileHead(bytes);
  const { json, encryption } = parseKeyFile(bytes);
  const secret = bytesOf(json, "secret");
  const signer = ed25519Signer(encryption === null ? secret : decrypt(json, encryption, secret, passphrase));
  if (signer.keyid !== head.keyid || signer.publicKey.keyval.public !== head.publicKey) throw damaged("public");
  return signer;
}

function decrypt(json: JsonObject, encryption: JsonObject, sealed: Uint8Array, passphrase: string | null): Uint8Array {
  if (passphrase === null || passphrase === "") {
    throw new FlotillaError("INTEGRITY_KEY", `The key ${String(json.label)} is encrypted and needs its passphrase.`);
  }
  const { cost } = encryption;
  const known = encryption.kdf === "scrypt" && encryption.cipher === "aes-256-gcm";
  const parameters = encryption.blockSize === blockSize && encryption.parallelization === 1;
  if (!known || !parameters || !isCost(cost) || sealed.length < 16) throw damaged("encryption");
  const { secret: _, ...authenticated } = json;
  const key = deriveKey(passphrase, bytesOf(encryption, "salt"), cost);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytesOf(encryption, "nonce"));
    decipher.setAAD(canonicalJsonBytes(authenticated));
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  } catch (cause) {
    throw new FlotillaError(
      "INTEGRITY_KEY",
      `The key ${String(json.label)} does not open: wrong passphrase or damaged.`,
      {
        details: { keyid: json.keyid },
        cause,
      },
    );
  }
}

function parseKeyFile(bytes: Uint8Array): { json: JsonObject; encryption: JsonObject | null } {
  let json: JsonValue;
  try {
    json = parseStrictJson(bytes, { maxBytes: maxFileBytes, maxDepth: 4 });
  } catch (cause) {
    throw damaged("the JSON", cause);
  }
  if (!isJsonObject(json) || json.type !== "flotilla/key" || json.version !== 1) throw damaged("type and version");
  const { encryption } = json;
  if (encryption !== null && !isJsonObject(encryption)) throw damaged("encryption");
  return { json, encryption };
}

function bytesOf(object: JsonObject, field: string): Uint8Array {
  const text = object[field];
  if (typeof text !== "string") throw damaged(field);
  try {
    return decodeBase64(text);
  } catch (cause) {
    throw damaged(field, cause);
  }
}

function deriveKey(passphrase: string, salt: Uint8Array, cost: number): Uint8Array {
  const memoryBytes = 128 * cost * blockSize + 1024 * 1024;
  return scryptSync(passphrase.normalize("NFC"), salt, 32, { N: cost, r: blockSize, p: 1, maxmem: memoryBytes });
}

function isCost(value: JsonValue | undefined): value is number {
  return typeof value === "number" && value >= minCost && value <= maxCost && Number.isInteger(Math.log2(value));
}

function assertPassphrase(passphrase: string): void {
  if (passphrase.length >= 8) return;
  throw new FlotillaError("CONFIG_INVALID", "A key's passphrase has at least 8 characters.");
}

function damaged(where: string, cause?: unknown): FlotillaError {
  return new FlotillaError("INTEGRITY_KEY", `The key file is damaged or not a Flotilla key: ${where}.`, {
    details: { where },
    cause,
  });
}
