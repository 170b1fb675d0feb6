/**
 * Damage behind a checksum: members of a ZIP are damaged and packed again (or packed to harm), blocks of a tensor bundle's index get their
 * masked CRC-32C anew. Sources: PKWARE APPNOTE; LevelDB's table format, as TensorFlow's tensor bundle uses it.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { decodeZip, encodeZip } from "@flotilla/protocol/zip";
import { mutate } from "./mutate.ts";
import { hostileZip } from "./mutate-zip.ts";
import type { Random } from "./random.ts";

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

/** Undefined where the file has no wrapping. */
export function damageInside(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  if (isZip(bytes)) return damageMember(bytes, random);
  if (isTable(bytes)) return damageBlock(bytes, random);
  return undefined;
}

function damageMember(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  try {
    const members = new Map(decodeZip(bytes, { maxMembers: 64, maxTotalBytes: 2 ** 22, maxRatio: 256 }));
    if (random.below(4) === 0) return hostileZip(members, random);
    const names = [...members.keys()];
    const name = names[random.below(names.length)] ?? "";
    const member = members.get(name);
    if (!member || member.length === 0) return undefined;
    members.set(name, mutate(member, random));
    return encodeZip(members);
  } catch (thrown) {
    if (thrown instanceof FlotillaError) return undefined;
    throw thrown;
  }
}

const tableMagic = 0xdb4775248b80fb57n;
const footerBytes = 48;
/** Of a block: one byte of compression type, four of checksum. */
const trailerBytes = 5;

export const isTable = (bytes: Uint8Array): boolean =>
  bytes.length > footerBytes &&
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(bytes.length - 8, true) === tableMagic;

/** The first block is the data: damaged in its length, with a new checksum behind it. */
function damageBlock(bytes: Uint8Array, random: Random): Uint8Array {
  const damaged = bytes.slice();
  const end = dataBlockEnd(bytes);
  const block = mutate(bytes.slice(0, end), random).subarray(0, end);
  damaged.set(block);
  const checked = damaged.subarray(0, end + 1);
  new DataView(damaged.buffer).setUint32(end + 1, maskedCrc32c(checked), true);
  return damaged;
}

/** Found by its checksum: the first length whose trailer fits. */
function dataBlockEnd(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = 0xffff_ffff;
  for (let end = 0; end < bytes.length - trailerBytes; end++) {
    crc = step(crc, bytes[end] ?? 0);
    if (bytes[end] === 0 && view.getUint32(end + 1, true) === mask(~crc >>> 0)) return end;
  }
  return Math.max(bytes.length - footerBytes - trailerBytes, 0);
}

function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = step(crc, byte);
  return mask(~crc >>> 0);
}

const mask = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

function step(crc: number, byte: number): number {
  let mixed = crc ^ byte;
  for (let bit = 0; bit < 8; bit++) mixed = (mixed >>> 1) ^ (mixed & 1 ? 0x82f63b78 : 0);
  return mixed >>> 0;
}
