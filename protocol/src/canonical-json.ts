/**
 * RFC 8785 canonical JSON: the same value gives the same bytes, so documents have stable digests.
 * The serialisation is npm `canonicalize`; this file refuses beforehand what has no canonical form
 * (undefined, NaN, infinities, lone surrogates, values that are not JSON).
 * TUF metadata uses another canonical form: `tuf/olpc-json.ts`.
 */
import serialize from "canonicalize";
import { FlotillaError } from "./errors.ts";
import { isWellFormedText } from "./json-value.ts";

const maxDepth = 256; // levels; deeper values are cycles or attacks, no document of ours passes 20

/**
 * The RFC 8785 bytes of a JSON value.
 * @throws FORMAT_JSON naming the path of the first value that has no canonical form
 */
export function canonicalJsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalJsonText(value));
}

/** The RFC 8785 text of a JSON value; see {@link canonicalJsonBytes}. */
export function canonicalJsonText(value: unknown): string {
  assertCanonical(value, "$", 0);
  const text = serialize(value);
  if (text === undefined) throw refusal("$", "undefined");
  return text;
}

function assertCanonical(value: unknown, path: string, depth: number): void {
  if (depth > maxDepth) throw refusal(path, `a value more than ${maxDepth} levels deep, or a cycle`);
  switch (typeof value) {
    case "boolean":
      return;
    case "string":
      if (!isWellFormedText(value)) throw refusal(path, "a string with a lone surrogate");
      return;
    case "number":
      if (!Number.isFinite(value)) throw refusal(path, String(value));
      return;
    case "object":
      assertContainer(value, path, depth);
      return;
    default:
      throw refusal(path, typeof value);
  }
}

function assertContainer(value: object | null, path: string, depth: number): void {
  if (value === null) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertCanonical(value[i], `${path}[${i}]`, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refusal(path, "an object that is not a plain record");
  }
  for (const [key, item] of Object.entries(value)) {
    if (!isWellFormedText(key)) throw refusal(path, "a key with a lone surrogate");
    assertCanonical(item, `${path}.${key}`, depth + 1);
  }
}

function refusal(path: string, found: string): FlotillaError {
  return new FlotillaError("FORMAT_JSON", `No canonical JSON exists for ${found} at ${path}.`, {
    details: { path, found },
  });
}
