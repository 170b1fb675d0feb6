/**
 * Damages a file as transport, bad disks and attackers do: cut off anywhere, bits turned, lengths and offsets overwritten
 * by telling values or by other offsets of the same file (which makes cycles), blocks dropped, doubled and moved,
 * numbers and strings of JSON replaced, JSON nested deep.
 */
import type { Random } from "./random.ts";

const tellingNumbers = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff] as const; // biome-ignore format: a table
const tellingJson = [
  "0", "-1", "1", "0.5", "1e9", "1e308", "-1e308", "2147483648", "9007199254740993", "null", "true", '""', "[]", "{}",
  '"../../../etc/passwd"', '"__proto__"', '"constructor"', '"float32"', '"-1"', "[[[[[[[[[[]]]]]]]]]]", "[1000000,1000000,1000000]",
] as const; // biome-ignore format: a table

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const cut: Mutation = (bytes, random) => bytes.slice(0, random.below(bytes.length));

const turnBits: Mutation = (bytes, random) => {
  const damaged = bytes.slice();
  for (let left = 1 + random.below(8); left > 0; left--) {
    const at = random.below(damaged.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << random.below(8));
  }
  return damaged;
};

/** A length or an offset of 1, 2, 4 or 8 bytes becomes a telling one, at an aligned place or anywhere. */
const overwrite: Mutation = (bytes, random) => {
  const width = random.pick([1, 2, 4, 8]);
  if (bytes.length < width) return bytes;
  const damaged = bytes.slice();
  const view = new DataView(damaged.buffer);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const any = random.below(bytes.length - width + 1);
    const at = random.below(2) === 0 ? any : any - (any % width);
    const value = random.below(4) === 0 ? bytes.length - random.below(64) : random.pick(tellingNumbers);
    if (width === 1) view.setUint8(at, value & 0xff);
    else if (width === 2) view.setUint16(at, value & 0xffff, true);
    else if (width === 4) view.setUint32(at, value >>> 0, true);
    else view.setBigUint64(at, random.below(3) === 0 ? 2n ** 64n - 1n : BigInt(value >>> 0), true);
  }
  return damaged;
};

/** An offset pointing where another points: aliases and cycles. */
const copyWord: Mutation = (bytes, random) => {
  const width = random.pick([4, 8]);
  if (bytes.length < 2 * width) return bytes;
  const damaged = bytes.slice();
  const place = (): number => random.below(Math.floor(bytes.length / width)) * width;
  const from = place();
  damaged.set(bytes.subarray(from, from + width), place());
  return damaged;
};

/** The number of the place itself, so that an offset points at itself. */
const pointHere: Mutation = (bytes, random) => {
  if (bytes.length < 8) return bytes;
  const damaged = bytes.slice();
  const at = random.below(Math.floor(bytes.length / 4) - 1) * 4;
  new DataView(damaged.buffer).setUint32(at, random.below(2) === 0 ? at : 0, true);
  return damaged;
};

const moveBlock: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  const block = bytes.slice(from, from + 1 + random.below(64));
  const to = random.below(bytes.length);
  const rest = random.below(2) === 0 ? bytes : withoutRange(bytes, from, from + block.length);
  return joined(rest.slice(0, to), block, rest.slice(to));
};

const dropBlock: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  return withoutRange(bytes, from, from + 1 + random.below(256));
};

const withoutRange = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  joined(bytes.slice(0, from), bytes.slice(to));

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One literal of a JSON text becomes another, or a deep nest. */
const replaceLiteral: Mutation = (bytes, random) => {
  const text = new TextDecoder("latin1").decode(bytes);
  const literals = literalsOf(text);
  const literal = literals[random.below(literals.length)];
  if (!literal) return bytes;
  const depth = 10 ** random.below(6);
  const other = random.below(24) === 0 ? "[".repeat(depth) + "]".repeat(depth) : random.pick(tellingJson);
  return latin1(text.slice(0, literal.index) + other + text.slice(literal.index + literal[0].length));
};

/** One literal of a JSON text becomes a copy of another: names, sizes and references that do not belong there. */
const copyLiteral: Mutation = (bytes, random) => {
  const text = new TextDecoder("latin1").decode(bytes);
  const literals = literalsOf(text);
  const [to, from] = [literals[random.below(literals.length)], literals[random.below(literals.length)]];
  if (!to || !from) return bytes;
  return latin1(text.slice(0, to.index) + from[0] + text.slice(to.index + to[0].length));
};

const literalsOf = (text: string): readonly RegExpExecArray[] => [
  ...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g),
];
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const binary = [
  cut,
  turnBits,
  turnBits,
  overwrite,
  overwrite,
  overwrite,
  copyWord,
  pointHere,
  moveBlock,
  dropBlock,
] as const;
const spoiling = [cut, turnBits, moveBlock, dropBlock] as const;
const textual = [replaceLiteral, copyLiteral] as const;

/** One to three mutations of one file; a JSON text mostly stays one. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const mutations = bytes[0] !== 0x7b ? binary : random.below(16) === 0 ? spoiling : textual;
  let damaged = bytes;
  for (let left = 1 + random.below(3); left > 0 && damaged.length > 0; left--) {
    damaged = random.pick<Mutation>(mutations)(damaged, random);
  }
  return damaged;
}
