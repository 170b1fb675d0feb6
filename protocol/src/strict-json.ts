/**
 * Reads untrusted JSON (RFC 8259) with nothing left to interpretation: duplicate keys, `__proto__` keys, a byte order
 * mark, lone surrogates, numbers that a double cannot carry and text behind the value are refused, and bytes, depth and
 * value count are bounded before anything is built. Whatever passes means the same to every correct reader.
 */
import { FlotillaError } from "./errors.ts";
import { isWellFormedText, type JsonValue } from "./json-value.ts";

/** Bounds on a document, all inclusive. */
export interface StrictJsonLimits {
  readonly maxBytes: number;
  /** Nesting of arrays and objects. */
  readonly maxDepth: number;
  /** Values of any kind, keys not counted. */
  readonly maxValues: number;
  /** `safe-integers` refuses fractions, exponents and integers beyond ±(2^53 − 1); TUF metadata is read so. */
  readonly numbers: "finite" | "safe-integers";
}

/** Generous for every document of the protocol, small enough to be harmless. */
export const defaultJsonLimits: StrictJsonLimits = Object.freeze({
  maxBytes: 8 * 1024 * 1024,
  maxDepth: 64,
  maxValues: 1_000_000,
  numbers: "finite",
});

/**
 * Parses UTF-8 JSON bytes.
 * @throws FORMAT_JSON with the character offset where reading stopped; FORMAT_LIMIT when a bound is passed
 */
export function parseStrictJson(bytes: Uint8Array, limits: Partial<StrictJsonLimits> = {}): JsonValue {
  const bounds = { ...defaultJsonLimits, ...limits };
  if (bytes.length > bounds.maxBytes) throw limit("bytes", bytes.length, bounds.maxBytes, 0);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FlotillaError("FORMAT_JSON", "The bytes are not UTF-8 text.", { cause });
  }
  return new Reader(text, bounds).document();
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const plainTextPattern = /[ !\u0023-\u005b\u005d-\uffff]*/y; // neither quote, backslash nor control characters
const spacePattern = /[ \t\n\r]*/y;
const hexPattern = /^[0-9a-fA-F]{4}$/;
const escapes = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);
const literals: readonly (readonly [string, JsonValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

class Reader {
  private readonly text: string;
  private readonly bounds: StrictJsonLimits;
  private at = 0;
  private values = 0;

  constructor(text: string, bounds: StrictJsonLimits) {
    this.text = text;
    this.bounds = bounds;
  }

  document(): JsonValue {
    const value = this.value(0);
    this.match(spacePattern);
    if (this.at < this.text.length) throw this.fault("the end of the document");
    return value;
  }

  private value(depth: number): JsonValue {
    if (++this.values > this.bounds.maxValues) throw limit("values", this.values, this.bounds.maxValues, this.at);
    this.match(spacePattern);
    const head = this.text.charAt(this.at);
    if (head === "{") return this.object(depth + 1);
    if (head === "[") return this.array(depth + 1);
    if (head === '"') return this.string();
    if (head === "-" || (head >= "0" && head <= "9")) return this.number();
    for (const [word, value] of literals) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    throw this.fault("a value");
  }

  private object(depth: number): JsonValue {
    this.enter(depth);
    const result: Record<string, JsonValue> = {};
    if (this.taken("}")) return result;
    do {
      this.match(spacePattern);
      if (this.text.charAt(this.at) !== '"') throw this.fault("a key");
      const start = this.at;
      const key = this.string();
      if (key === "__proto__" || Object.hasOwn(result, key)) {
        this.at = start;
        throw this.fault(key === "__proto__" ? "a key other than __proto__" : `${JSON.stringify(key)} only once`);
      }
      this.expect(":");
      result[key] = this.value(depth);
    } while (this.taken(","));
    this.expect("}");
    return result;
  }

  private array(depth: number): JsonValue {
    this.enter(depth);
    const result: JsonValue[] = [];
    if (this.taken("]")) return result;
    do result.push(this.value(depth));
    while (this.taken(","));
    this.expect("]");
    return result;
  }

  private string(): string {
    const start = this.at++;
    let result = this.match(plainTextPattern);
    while (!this.text.startsWith('"', this.at)) {
      if (!this.text.startsWith("\\", this.at)) throw this.fault("the rest of a string");
      result += this.escape() + this.match(plainTextPattern);
    }
    this.at++;
    if (!isWellFormedText(result)) {
      this.at = start;
      throw this.fault("a string without lone surrogates");
    }
    return result;
  }

  private escape(): string {
    const kind = this.text.charAt(this.at + 1);
    const simple = escapes.get(kind);
    if (simple !== undefined) {
      this.at += 2;
      return simple;
    }
    const digits = this.text.slice(this.at + 2, this.at + 6);
    if (kind !== "u" || !hexPattern.test(digits)) throw this.fault("an escape sequence");
    this.at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private number(): number {
    const start = this.at;
    const literal = this.match(numberPattern);
    const value = Number(literal);
    // A longer integer passes only as a writer of doubles prints it; 9007199254740993 would silently become another.
    const exact = Number.isSafeInteger(value) || /[.eE]/.test(literal) || String(value) === literal;
    const allowed =
      this.bounds.numbers === "finite"
        ? Number.isFinite(value) && exact
        : /^(?:0|-?[1-9][0-9]*)$/.test(literal) && Number.isSafeInteger(value);
    if (literal === "" || !allowed) {
      this.at = start;
      throw this.fault(this.bounds.numbers === "finite" ? "a number that a double carries" : "a safe integer");
    }
    return value;
  }

  private enter(depth: number): void {
    if (depth > this.bounds.maxDepth) throw limit("depth", depth, this.bounds.maxDepth, this.at);
    this.at++;
  }

  private taken(mark: string): boolean {
    this.match(spacePattern);
    if (!this.text.startsWith(mark, this.at)) return false;
    this.at++;
    return true;
  }

  private expect(mark: string): void {
    if (!this.taken(mark)) throw this.fault(`"${mark}"`);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private fault(expected: string): FlotillaError {
    const found = this.text.slice(this.at, this.at + 12);
    return new FlotillaError(
      "FORMAT_JSON",
      `The JSON is not valid at character ${this.at}: expected ${expected}, found ${found === "" ? "the end" : JSON.stringify(found)}.`,
      { details: { offset: this.at, expected } },
    );
  }
}

function limit(what: string, found: number, bound: number, offset: number): FlotillaError {
  return new FlotillaError("FORMAT_LIMIT", `The JSON passes the bound on ${what}: ${found}, at most ${bound}.`, {
    details: { what, found, bound, offset },
  });
}
