/**
 * The outer form of all TUF metadata, `{signed, signatures}`, and the head of the signed part (specification §4.2).
 * JSON tricks, floats and repeated key ids are refused here, before any signature is looked at.
 */
import { FlotillaError } from "../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json-value.ts";
import type { KeySignature } from "../signature.ts";
import { parseStrictJson } from "../strict-json.ts";
import { malformed, readArray, readExpiry, readInteger, readObject, readText } from "./fields.ts";
import type { Metadata } from "./metadata.ts";
import { olpcJsonBytes } from "./olpc-json.ts";

const jsonLimits = { maxBytes: 16 * 1024 * 1024, maxDepth: 32, numbers: "safe-integers" } as const;
const maxSignatures = 256; // sigstore's root carries about 10

/** What a role's own parser makes of the signed part. */
export type SignedReader<T> = (signed: JsonObject, head: { version: number; expiresMs: number }) => T;

/**
 * Parses metadata of one type.
 * @throws INTEGRITY_METADATA for anything that is not well-formed metadata of that type; the cause is kept
 */
export function parseMetadata<T>(bytes: Uint8Array, type: string, read: SignedReader<T>): Metadata<T> {
  const envelope = parseJson(bytes, type);
  const json = readObject(envelope, "signed", type);
  const found = readText(json, "_type", type);
  if (found !== type) throw malformed(`${type}._type`, JSON.stringify(type), found);
  const specification = readText(json, "spec_version", type);
  if (!/^1\.\d+(?:\.\d+)*$/.test(specification)) {
    throw malformed(`${type}.spec_version`, "a version 1.x of the specification", specification);
  }
  const head = { version: readInteger(json, "version", type, 1), expiresMs: readExpiry(json, type) };
  return {
    signed: read(json, head),
    json,
    signedBytes: olpcJsonBytes(json),
    signatures: readSignatures(envelope, type),
    bytes,
  };
}

function parseJson(bytes: Uint8Array, type: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseStrictJson(bytes, jsonLimits);
  } catch (cause) {
    const reason = cause instanceof FlotillaError ? cause.message : String(cause);
    throw new FlotillaError("INTEGRITY_METADATA", `TUF metadata: the ${type} file is not sound JSON. ${reason}`, {
      details: { where: type },
      cause,
    });
  }
  if (!isJsonObject(value)) throw malformed(type, "an object", value);
  return value;
}

/** Signatures as they are, empty and malformed ones as empty bytes: they never count, but do no harm to those that do. */
function readSignatures(envelope: JsonObject, type: string): readonly KeySignature[] {
  const list = readArray(envelope, "signatures", type);
  if (list.length > maxSignatures) throw malformed(`${type}.signatures`, `at most ${maxSignatures} entries`);
  const signatures = list.map((item) => {
    if (!isJsonObject(item)) throw malformed(`${type}.signatures`, "an array of objects", item);
    const hex = readText(item, "sig", `${type}.signatures`);
    return { keyid: readText(item, "keyid", `${type}.signatures`), signature: bytesOfHex(hex) };
  });
  if (new Set(signatures.map(({ keyid }) => keyid)).size !== signatures.length) {
    throw malformed(`${type}.signatures`, "free of repeated key ids");
  }
  return signatures;
}

function bytesOfHex(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) return new Uint8Array(0);
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
