/**
 * The canonical JSON over which TUF metadata is signed (TUF specification §4.2, wiki.laptop.org/go/Canonical_JSON).
 * Keys sort by code point, integers only, and only `"` and `\` are escaped: control characters stand as they are.
 * JavaScript's own sort is by UTF-16 unit and differs above U+FFFF, so it is not used.
 */
import { FlotillaError } from "../errors.ts";
import { isWellFormedText, type JsonValue } from "../json-value.ts";

/**
 * The OLPC canonical bytes of a JSON value.
 * @throws FORMAT_JSON for floats, integers beyond ±(2^53 − 1) and lone surrogates
 */
export function olpcJsonBytes(value: JsonValue): Uint8Array<ArrayBuffer> {
  const parts: string[] = [];
  append(value, parts);
  return new TextEncoder().encode(parts.join(""));
}

function append(value: JsonValue, parts: string[]): void {
  if (value === null || typeof value === "boolean") {
    parts.push(String(value));
  } else if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) {
      throw new FlotillaError("FORMAT_JSON", `TUF metadata can only hold safe integers, found ${value}.`);
    }
    parts.push(value === 0 ? "0" : String(value));
  } else if (typeof value === "string") {
    appendText(value, parts);
  } else if (isArray(value)) {
    parts.push("[");
    value.forEach((item, i) => {
      if (i > 0) parts.push(",");
      append(item, parts);
    });
    parts.push("]");
  } else {
    parts.push("{");
    const entries = Object.entries(value).sort(([a], [b]) => compareCodePoints(a, b));
    entries.forEach(([key, item], i) => {
      if (i > 0) parts.push(",");
      appendText(key, parts);
      parts.push(":");
      append(item, parts);
    });
    parts.push("}");
  }
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function appendText(text: string, parts: string[]): void {
  if (!isWellFormedText(text)) {
    throw new FlotillaError("FORMAT_JSON", "TUF metadata cannot hold a string with a lone surrogate.");
  }
  parts.push('"', text.replace(/["\\]/g, "\\$&"), '"');
}

/** Orders two well-formed strings by code point, which is also the order of their UTF-8 bytes. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates (code points above U+FFFF) sort behind U+E000–U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
