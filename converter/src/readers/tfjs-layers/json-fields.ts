/**
 * Typed reads of a JSON object that came from outside, each with the path to it in its message.
 * Names are written in snake_case; the camelCase spelling that tfjs keeps in memory is accepted too.
 * Every method throws FORMAT_JSON for a value of another type.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";

const camelCase = (name: string): string => name.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());

export function jsonFault(path: string, expected: string, found: JsonValue | undefined): FlotillaError {
  const shown = found === undefined ? "nothing" : JSON.stringify(found).slice(0, 80);
  return new FlotillaError("FORMAT_JSON", `${path}: expected ${expected}, found ${shown}.`, {
    details: { path, expected, found: shown },
  });
}

export class JsonFields {
  readonly path: string;
  readonly value: JsonObject;

  private constructor(value: JsonObject, path: string) {
    this.value = value;
    this.path = path;
  }

  static of(value: JsonValue | undefined, path: string): JsonFields {
    if (!isJsonObject(value)) throw jsonFault(path, "an object", value);
    return new JsonFields(value, path);
  }

  /** The same object with some values replaced. */
  with(values: JsonObject): JsonFields {
    return new JsonFields({ ...this.value, ...values }, this.path);
  }

  /** The value as it is; null counts as absent. */
  get(name: string): JsonValue | undefined {
    const camel = camelCase(name);
    for (const key of [name, camel]) {
      if (Object.hasOwn(this.value, key)) return this.value[key] ?? undefined;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  object(name: string): JsonFields {
    return JsonFields.of(this.get(name), `${this.path}.${name}`);
  }

  list(name: string): readonly JsonValue[] {
    return this.#typed(name, "a list", (value): value is readonly JsonValue[] => Array.isArray(value));
  }

  string(name: string, fallback?: string): string {
    return this.#typed(name, "text", (value): value is string => typeof value === "string", fallback);
  }

  boolean(name: string, fallback?: boolean): boolean {
    return this.#typed(name, "true or false", (value): value is boolean => typeof value === "boolean", fallback);
  }

  number(name: string, fallback?: number): number {
    return this.#typed(name, "a number", (value): value is number => typeof value === "number", fallback);
  }

  integer(name: string, fallback?: number): number {
    return this.#typed(name, "an integer", (value): value is number => Number.isSafeInteger(value), fallback);
  }

  /** A positive integer. */
  count(name: string, fallback?: number): number {
    return this.#typed(name, "a positive integer", isCount, fallback);
  }

  /** `n`, `[n]` or `[n, m]` of positive integers: Keras spells sizes all three ways. */
  countPair(name: string, fallback?: number): readonly [number, number] {
    const value = this.get(name) ?? fallback;
    if (isCount(value)) return [value, value];
    if (Array.isArray(value)) {
      const [first, second = first] = value;
      if (value.length <= 2 && isCount(first) && isCount(second)) return [first, second];
    }
    throw jsonFault(`${this.path}.${name}`, "one or two positive integers", value);
  }

  /** `n`, or a list of `length` positive integers; a list of one stands for all. */
  counts(name: string, length: number, fallback?: number): readonly number[] {
    const value = this.get(name) ?? fallback;
    if (isCount(value)) return new Array<number>(length).fill(value);
    if (Array.isArray(value) && value.every(isCount)) {
      const [first = 0] = value;
      if (value.length === length) return value;
      if (value.length === 1) return new Array<number>(length).fill(first);
    }
    throw jsonFault(`${this.path}.${name}`, `${length} positive integers, or one`, value);
  }

  #typed<T extends JsonValue>(name: string, expected: string, is: (value: JsonValue) => value is T, fallback?: T): T {
    const value = this.get(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (value === undefined || !is(value)) throw jsonFault(`${this.path}.${name}`, expected, value);
    return value;
  }
}

const isCount = (value: JsonValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value > 0;
