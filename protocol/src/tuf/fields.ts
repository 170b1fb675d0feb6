/**
 * Reading fields of TUF metadata: each function takes the JSON object, the field's name and where the object lies, and
 * gives the typed value or throws INTEGRITY_METADATA naming the place, what was expected and what was found.
 */
import { FlotillaError } from "../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json-value.ts";
import type { PublicKey } from "../public-key.ts";
import type { FileHashes, MetaFile, RoleKeys } from "./metadata.ts";

/** The error for a field that is not what the specification asks for. */
export function malformed(where: string, expected: string, found?: JsonValue): FlotillaError {
  const shown = found === undefined ? "nothing" : JSON.stringify(found).slice(0, 60);
  return new FlotillaError("INTEGRITY_METADATA", `TUF metadata: ${where} must be ${expected}, found ${shown}.`, {
    details: { where, expected },
  });
}

/** The own field of an object; inherited names such as `constructor` are absent. */
export function fieldOf(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function readObject(object: JsonObject, name: string, where: string): JsonObject {
  const value = fieldOf(object, name);
  if (!isJsonObject(value)) throw malformed(`${where}.${name}`, "an object", value);
  return value;
}

export function readText(object: JsonObject, name: string, where: string): string {
  const value = fieldOf(object, name);
  if (typeof value !== "string") throw malformed(`${where}.${name}`, "a string", value);
  return value;
}

export function readInteger(object: JsonObject, name: string, where: string, minimum: number): number {
  const value = fieldOf(object, name);
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < minimum) {
    throw malformed(`${where}.${name}`, `an integer of at least ${minimum}`, value);
  }
  return value;
}

export function readBoolean(object: JsonObject, name: string, where: string): boolean {
  const value = fieldOf(object, name);
  if (typeof value !== "boolean") throw malformed(`${where}.${name}`, "true or false", value);
  return value;
}

export function readArray(object: JsonObject, name: string, where: string): readonly JsonValue[] {
  const value = fieldOf(object, name);
  if (!Array.isArray(value)) throw malformed(`${where}.${name}`, "an array", value);
  return value;
}

export function readTexts(object: JsonObject, name: string, where: string): readonly string[] {
  return readArray(object, name, where).map((item) => {
    if (typeof item !== "string") throw malformed(`${where}.${name}`, "an array of strings", item);
    return item;
  });
}

/** Key ids without repetition and a threshold of at least 1 (specification §4.3). */
export function readRoleKeys(object: JsonObject, where: string): RoleKeys {
  const keyids = readTexts(object, "keyids", where);
  if (new Set(keyids).size !== keyids.length) throw malformed(`${where}.keyids`, "free of repetitions", keyids);
  return { keyids, threshold: readInteger(object, "threshold", where, 1) };
}

/** Keys by id. The id is not recomputed (TAP 12): what counts is that one id names one key, and threshold counts keys. */
export function readKeys(object: JsonObject, where: string): ReadonlyMap<string, PublicKey> {
  const keys = readObject(object, "keys", where);
  return new Map(
    Object.keys(keys).map((keyid) => {
      const at = `${where}.keys.${keyid}`;
      const key = readObject(keys, keyid, `${where}.keys`);
      const keyval = readObject(key, "keyval", at);
      const publicKey: PublicKey = {
        ...key,
        keytype: readText(key, "keytype", at),
        scheme: readText(key, "scheme", at),
        keyval: { ...keyval, public: readText(keyval, "public", `${at}.keyval`) },
      };
      return [keyid, publicKey];
    }),
  );
}

const hexLength = { sha256: 64, sha512: 128 } as const;

/** Digests of the known algorithms, in lowercase; others are left out. */
export function readHashes(object: JsonObject, where: string): FileHashes {
  const hashes = readObject(object, "hashes", where);
  const known: { sha256?: string; sha512?: string } = {};
  for (const algorithm of ["sha256", "sha512"] as const) {
    if (!Object.hasOwn(hashes, algorithm)) continue;
    const digest = readText(hashes, algorithm, `${where}.hashes`).toLowerCase();
    if (digest.length !== hexLength[algorithm] || !/^[0-9a-f]+$/.test(digest)) {
      throw malformed(`${where}.hashes.${algorithm}`, `${hexLength[algorithm]} hex digits`, digest);
    }
    known[algorithm] = digest;
  }
  return known;
}

/** An entry of `meta` in snapshot or timestamp; length and hashes may be absent there (specification §4.4, §4.6). */
export function readMetaFile(meta: JsonObject, name: string, where: string): MetaFile {
  const entry = readObject(meta, name, where);
  const at = `${where}.${name}`;
  return {
    version: readInteger(entry, "version", at, 1),
    ...(Object.hasOwn(entry, "length") ? { lengthBytes: readInteger(entry, "length", at, 1) } : {}),
    ...(Object.hasOwn(entry, "hashes") ? { hashes: readHashes(entry, at) } : {}),
  };
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Expiry in Unix milliseconds. We write `…SSZ`; fractions and offsets, which others have published, are read too. */
export function readExpiry(object: JsonObject, where: string): number {
  const text = readText(object, "expires", where);
  const timeMs = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) throw malformed(`${where}.expires`, "a time such as 2030-01-31T00:00:00Z", text);
  return timeMs;
}
