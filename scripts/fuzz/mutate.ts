/**
 * Damages a file as transport, bad disks and attackers do: cut off anywhere, bits turned, lengths and offsets overwritten
 * by telling values or by other offsets of the same file (which makes cycles), blocks dropped, doubled and moved; and by
 * the structure of its format (`mutate-*.ts`), so that damage reaches what stands behind the first check.
 */
import { mutateHdf5 } from "./mutate-hdf5.ts";
import { mutateJson } from "./mutate-json.ts";
import { mutateProtobuf } from "./mutate-protobuf.ts";
import type { Random } from "./random.ts";
import { tellingNumbers } from "./telling.ts";

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

/** A place where a small number may stand (an index, a dimension, a type) gets another small number. */
const smallWord: Mutation = (bytes, random) => {
  if (bytes.length < 8) return bytes;
  const damaged = bytes.slice();
  const view = new DataView(damaged.buffer);
  for (let tries = 0; tries < 16; tries++) {
    const at = random.below(Math.floor(bytes.length / 4)) * 4;
    if (view.getUint32(at, true) > 0xffff) continue;
    view.setInt32(at, random.pick([-1, 0, 1, 2, 3, 5, 9, 17, 1_000_000, random.below(64)]), true);
    break;
  }
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

const binary = [
  cut, turnBits, turnBits, overwrite, overwrite, overwrite, copyWord, pointHere, smallWord, smallWord, moveBlock, dropBlock,
] as const; // biome-ignore format: a table
const spoiling = [cut, turnBits, moveBlock, dropBlock] as const;

/** One to three mutations of one file, by its structure where it has one; a JSON text mostly stays one. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let damaged = bytes;
  for (let left = 1 + random.below(3); left > 0 && damaged.length > 0; left--) damaged = mutateOnce(damaged, random);
  return damaged;
}

function mutateOnce(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes[0] === 0x7b) return random.below(16) === 0 ? random.pick(spoiling)(bytes, random) : mutateJson(bytes, random);
  const structured = random.below(2) === 0 ? (isHdf5(bytes) ? mutateHdf5 : mutateProtobuf)(bytes, random) : undefined;
  return structured ?? random.pick<Mutation>(binary)(bytes, random);
} // biome-ignore format: one choice a line

export const isHdf5 = (bytes: Uint8Array): boolean => [0x89, 0x48, 0x44, 0x46].every((byte, at) => bytes[at] === byte);
