/**
 * Damages JSON so that it mostly stays JSON: literals replaced by telling ones or by others of the text, whole values
 * put in the place of others (also into themselves), lists and keys dropped and multiplied, nests as deep as a stack.
 */
import type { Random } from "./random.ts";

const tellingJson = [
  "0", "-1", "1", "0.5", "1e9", "1e308", "-1e308", "2147483648", "9007199254740993", "null", "true", '""', "[]", "{}",
  '"../../../etc/passwd"', '"/etc/passwd"', '"C:\\\\x"', '"__proto__"', '"constructor"', '"float32"', '"-1"', "[[[[[[[[[[]]]]]]]]]]", "[1000000,1000000,1000000]",
] as const; // biome-ignore format: a table
const mostBytes = 2 ** 20;

export function mutateJson(bytes: Uint8Array, random: Random): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return replaceLiteral(bytes, random);
    case 1:
      return copyLiteral(bytes, random);
    default:
      return changeValue(bytes, random) ?? replaceLiteral(bytes, random);
  }
}

/** One literal of a JSON text becomes another, or a deep nest. */
function replaceLiteral(bytes: Uint8Array, random: Random): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  const literals = literalsOf(text);
  const literal = literals[random.below(literals.length)];
  if (!literal) return bytes;
  const depth = 10 ** random.below(6);
  const other = random.below(24) === 0 ? "[".repeat(depth) + "]".repeat(depth) : random.pick(tellingJson);
  return latin1(text.slice(0, literal.index) + other + text.slice(literal.index + literal[0].length));
}

/** One literal becomes a copy of another: names, sizes and references that do not belong there. */
function copyLiteral(bytes: Uint8Array, random: Random): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  const literals = literalsOf(text);
  const [to, from] = [literals[random.below(literals.length)], literals[random.below(literals.length)]];
  if (!to || !from) return bytes;
  return latin1(text.slice(0, to.index) + from[0] + text.slice(to.index + to[0].length));
}

const literalsOf = (text: string): readonly RegExpExecArray[] => [
  ...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g),
];
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** {@link changedValue}; undefined also for what earlier damage made deeper than the engine copies and prints. */
function changeValue(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  try {
    return changedValue(bytes, random);
  } catch (thrown) {
    if (thrown instanceof RangeError || (thrown instanceof DOMException && thrown.name === "DataCloneError"))
      return undefined;
    throw thrown;
  }
}

/** One value of the tree is changed as a whole. Undefined for what is not JSON (any more). */
function changedValue(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  const root = parsed(bytes);
  if (root === undefined) return undefined;
  const places = placesIn({ root });
  const [place, other] = [places[random.below(places.length)], places[random.below(places.length)]];
  if (!place || !other) return undefined;
  const { holder, key } = place;
  const list = Array.isArray(holder) ? holder : undefined;
  switch (random.below(4)) {
    case 0:
      if (list) list.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1: {
      const text = JSON.stringify(holder[key]) ?? "null";
      const times = Math.min(10 ** (1 + random.below(4)), Math.floor(mostBytes / (text.length + 1)));
      if (list) list.splice(Number(key), 0, ...Array.from({ length: times }, () => holder[key]));
      else holder[`${key}_`] = holder[key];
      break;
    }
    case 2:
      holder[key] = structuredClone(other.holder[other.key]);
      break;
    default:
      for (let left = 1 + random.below(6); left > 0; left--) {
        const outer = structuredClone(other.holder[other.key]);
        if (JSON.stringify(outer).length > mostBytes / 4) break;
        holder[key] = outer;
      }
  }
  return new TextEncoder().encode(JSON.stringify(places[0]?.holder.root ?? null));
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) ?? undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** Not recursive: damaged JSON may be deeper than a stack. */
function placesIn(top: Record<string, unknown>): Place[] {
  const places: Place[] = [];
  const open = [top];
  for (let holder = open.pop(); holder; holder = open.pop()) {
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      const value = holder[key];
      if (isHolder(value)) open.push(value);
    }
  }
  return places;
}

const isHolder = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
