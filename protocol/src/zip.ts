/**
 * The part of ZIP (PKWARE APPNOTE 6.3) that archives of arrays and models need: many members, no encryption; of ZIP64
 * only the sizes and places of large members.
 * Written members are stored, without time stamps, in the order given: the same content gives the same bytes.
 * Read members are stored or deflated; nothing is allocated that the directory does not announce within the limits.
 */
import { inflateSync } from "fflate";
import { type ErrorCode, FlotillaError } from "./errors.ts";
import { memoryAccess, partOf, type RandomAccess } from "./random-access.ts";

export interface ZipLimits {
  readonly maxMembers: number;
  /** Sum of all members, unpacked. */
  readonly maxTotalBytes: number;
  /** Unpacked to packed, for members above 1 MiB. */
  readonly maxRatio: number;
}

/** One file of an archive that is not unpacked yet. */
export interface ZipMember {
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  /** What the archive says of the unpacked bytes. */
  readonly crc32: number;
  /** The unpacked bytes, checked against size and checksum. */
  read(): Uint8Array;
  /** A member that is stored as it is, as a file of its own, unchecked; undefined for a packed one. */
  stored(): RandomAccess | undefined;
}

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const endSignature = 0x06054b50;
const localHeaderBytes = 30;
const centralHeaderBytes = 46;
const endRecordBytes = 22;
const end64Signature = 0x06064b50;
const end64Bytes = 56;
const end64LocatorSignature = 0x07064b50;
const end64LocatorBytes = 20;
const zip64Extra = 0x0001;
/** A directory entry with the longest name, extra field and comment. */
const maxEntryBytes = centralHeaderBytes + 3 * 0xffff;
const maxCommentBytes = 0xffff;
const utf8Flag = 0x0800;
/** 1980-01-01 in MS-DOS form: the earliest date the format has, as it wants some date. */
const earliestDate = 0x0021;
const ratioMattersBytes = 1 << 20;
const max32 = 0xffff_ffff;

/** One archive of stored members. @throws FORMAT_LIMIT beyond what the 32-bit form holds. */
export function encodeZip(members: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const names = [...members].map(([name, data]) => ({ name: encoder.encode(name), data }));
  const localBytes = names.reduce((sum, { name, data }) => sum + localHeaderBytes + name.length + data.length, 0);
  const centralBytes = names.reduce((sum, { name }) => sum + centralHeaderBytes + name.length, 0);
  if (names.length >= 0xffff || localBytes + centralBytes + endRecordBytes >= max32) {
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `an archive of ${names.length} members and ${localBytes} bytes is too large`,
    );
  }
  const bytes = new Uint8Array(localBytes + centralBytes + endRecordBytes);
  const view = new DataView(bytes.buffer);
  let local = 0;
  let central = localBytes;
  for (const { name, data } of names) {
    // APPNOTE 4.3.7 and 4.3.12: the two headers share the fields from "version needed" to "extra field length".
    const shared = new Uint8Array(26);
    const fields = new DataView(shared.buffer);
    fields.setUint16(0, 20, true);
    fields.setUint16(2, name.some((byte) => byte > 0x7f) ? utf8Flag : 0, true);
    fields.setUint16(8, earliestDate, true);
    fields.setUint32(10, crc32(data), true);
    fields.setUint32(14, data.length, true);
    fields.setUint32(18, data.length, true);
    fields.setUint16(22, name.length, true);
    view.setUint32(central, centralSignature, true);
    view.setUint16(central + 4, 20, true);
    bytes.set(shared, central + 6);
    view.setUint32(central + 42, local, true);
    bytes.set(name, central + centralHeaderBytes);
    central += centralHeaderBytes + name.length;
    view.setUint32(local, localSignature, true);
    bytes.set(shared, local + 4);
    bytes.set(name, local + localHeaderBytes);
    bytes.set(data, local + localHeaderBytes + name.length);
    local += localHeaderBytes + name.length + data.length;
  }
  view.setUint32(central, endSignature, true);
  view.setUint16(central + 8, names.length, true);
  view.setUint16(central + 10, names.length, true);
  view.setUint32(central + 12, centralBytes, true);
  view.setUint32(central + 16, localBytes, true);
  return bytes;
}

interface Member {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly localOffset: number;
}

/**
 * All members by name, in the directory's order. Stored members are views of `archive`.
 * @throws FORMAT_NPZ for what is no such archive, FORMAT_LIMIT beyond `limits`.
 */
export function decodeZip(archive: Uint8Array, limits: ZipLimits): Map<string, Uint8Array> {
  const members = openZip(memoryAccess(archive, "array archive"), limits, "FORMAT_NPZ");
  return new Map([...members].map(([name, member]) => [name, member.read()]));
}

/**
 * The members of an archive that need not lie in memory, by name, in the directory's order; none is read yet.
 * @throws `code` for what is no such archive, FORMAT_LIMIT beyond `limits`; so do the members
 */
export function openZip(
  archive: RandomAccess,
  limits: ZipLimits,
  code: "FORMAT_NPZ" | "FORMAT_CORRUPT" = "FORMAT_CORRUPT",
): Map<string, ZipMember> {
  const faults = new Faults(archive.label, code);
  const members = new Map<string, ZipMember>();
  let total = 0;
  for (const member of readDirectory(archive, limits, faults)) {
    const { name, bytes, crc } = member;
    total += bytes;
    if (total > limits.maxTotalBytes) {
      throw faults.limit(`the members unpack to more than ${limits.maxTotalBytes} bytes`, name);
    }
    if (bytes > ratioMattersBytes && bytes > member.packedBytes * limits.maxRatio) {
      throw faults.limit(`member unpacks to more than ${limits.maxRatio} times its size`, name);
    }
    if (members.has(name)) throw faults.broken("member appears twice", name);
    members.set(name, {
      name,
      bytes,
      crc32: crc,
      read: () => unpack(archive, member, faults),
      stored: () => {
        if (member.method !== 0) return undefined;
        if (bytes !== member.packedBytes) throw faults.broken("a stored member has two sizes", name);
        return partOf(archive, dataStart(archive, member, faults), bytes, `${archive.label}/${name}`);
      },
    });
  }
  return members;
}

function readDirectory(archive: RandomAccess, limits: ZipLimits, faults: Faults): Member[] {
  const tailBytes = Math.min(archive.byteLength, endRecordBytes + maxCommentBytes);
  const tailStart = archive.byteLength - tailBytes;
  const tail = viewOf(archive.read(tailStart, tailBytes));
  const endInTail = findEnd(tail, faults);
  const end = tailStart + endInTail;
  const count = tail.getUint16(endInTail + 10, true);
  if (tail.getUint16(endInTail + 8, true) !== count) throw faults.broken("archive is split over several files");
  let size = tail.getUint32(endInTail + 12, true);
  let start = tail.getUint32(endInTail + 16, true);
  if (count === 0xffff) throw faults.limit("archives of so many members are not read");
  if (start === max32 || size === max32) ({ start, size } = readEnd64(archive, end, faults));
  if (!(start + size <= end)) throw faults.broken("directory lies outside the archive");
  if (count > limits.maxMembers) throw faults.limit(`archive has ${count} members, more than ${limits.maxMembers}`);
  if (size > count * maxEntryBytes) throw faults.broken(`directory of ${count} members has ${size} bytes`);
  const bytes = archive.read(start, size);
  const view = viewOf(bytes);
  const members: Member[] = [];
  for (let at = 0; members.length < count; ) {
    if (at + centralHeaderBytes > size || view.getUint32(at, true) !== centralSignature) {
      throw faults.broken(`directory entry ${members.length} is not at its place, byte ${start + at}`);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraStart = at + centralHeaderBytes + nameLength;
    const extraLength = view.getUint16(at + 30, true);
    const next = extraStart + extraLength + view.getUint16(at + 32, true);
    if (next > size) throw faults.broken(`directory entry ${members.length} ends outside the archive`);
    const name = decodeName(bytes.subarray(at + centralHeaderBytes, extraStart), faults);
    if (view.getUint16(at + 8, true) & 1) throw faults.broken("member is encrypted", name);
    const wide = wideFields(view, extraStart, extraStart + extraLength);
    // APPNOTE 4.5.3: the fields that are all ones stand in the extra field, in this order.
    const field = (offset: number): number => {
      const value = view.getUint32(at + offset, true);
      if (value !== max32) return value;
      const found = wide.shift();
      if (found === undefined) throw faults.broken("member has a size that is not said", name);
      return found;
    };
    const [unpacked, packedBytes, localOffset] = [field(24), field(20), field(42)];
    const [method, crc] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
    members.push({ name, method, crc, packedBytes, bytes: unpacked, localOffset });
    at = next;
  }
  return members;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** APPNOTE 4.3.14 and 4.3.15: in front of the end record, a place that leads to a longer one. */
function readEnd64(archive: RandomAccess, end: number, faults: Faults): { start: number; size: number } {
  if (end < end64LocatorBytes) throw faults.broken("archive lacks its long end record");
  const locator = viewOf(archive.read(end - end64LocatorBytes, end64LocatorBytes));
  const at = Number(locator.getBigUint64(8, true));
  if (locator.getUint32(0, true) !== end64LocatorSignature || !(at + end64Bytes <= end)) {
    throw faults.broken("archive lacks its long end record");
  }
  const record = viewOf(archive.read(at, end64Bytes));
  if (record.getUint32(0, true) !== end64Signature) throw faults.broken("archive lacks its long end record");
  return { size: Number(record.getBigUint64(40, true)), start: Number(record.getBigUint64(48, true)) };
}

/** The numbers of a ZIP64 extra field, in order. */
function wideFields(view: DataView, from: number, to: number): number[] {
  for (let at = from; at + 4 <= to; ) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === zip64Extra && at + 4 + length <= to) {
      return Array.from({ length: length >> 3 }, (_, index) => Number(view.getBigUint64(at + 4 + 8 * index, true)));
    }
    at += 4 + length;
  }
  return [];
}

/** The end record stands before a comment of unknown length: search backwards. */
function findEnd(tail: DataView, faults: Faults): number {
  for (let at = tail.byteLength - endRecordBytes; at >= 0; at--) {
    const commentBytes = tail.byteLength - endRecordBytes - at;
    if (tail.getUint32(at, true) === endSignature && tail.getUint16(at + 20, true) === commentBytes) return at;
  }
  throw faults.broken("no end record: not an archive, or cut off");
}

/** Where a member's data starts, all of which lies in the archive. */
function dataStart(archive: RandomAccess, member: Member, faults: Faults): number {
  const at = member.localOffset;
  const whole = at + localHeaderBytes <= archive.byteLength;
  const header = whole ? viewOf(archive.read(at, localHeaderBytes)) : undefined;
  if (header?.getUint32(0, true) !== localSignature) throw faults.broken(`no member at byte ${at}`, member.name);
  const start = at + localHeaderBytes + header.getUint16(26, true) + header.getUint16(28, true);
  if (!(start + member.packedBytes <= archive.byteLength)) {
    throw faults.broken("data ends outside the archive", member.name);
  }
  return start;
}

function unpack(archive: RandomAccess, member: Member, faults: Faults): Uint8Array {
  const packed = archive.read(dataStart(archive, member, faults), member.packedBytes);
  const data = member.method === 0 ? packed : inflate(packed, member, faults);
  if (data.length !== member.bytes) {
    throw faults.broken(`unpacks to another size than the announced ${member.bytes} bytes`, member.name);
  }
  if (crc32(data) !== member.crc) throw faults.broken("checksum does not match", member.name);
  return data;
}

function inflate(packed: Uint8Array, member: Member, faults: Faults): Uint8Array {
  if (member.method !== 8) throw faults.broken(`compression method ${member.method} is not read`, member.name);
  try {
    // One byte more than announced, so that a longer stream shows as a longer result.
    return inflateSync(packed, { out: new Uint8Array(member.bytes + 1) });
  } catch (cause) {
    throw faults.broken("damaged compressed data", member.name, cause);
  }
}

function decodeName(bytes: Uint8Array, faults: Faults): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw faults.broken("a member's name is not UTF-8", undefined, cause);
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data: Uint8Array): number {
  let crc = max32;
  for (let i = 0; i < data.length; i++) crc = crcTable[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ max32) >>> 0;
}

/** What is wrong with the archive of one label. */
class Faults {
  readonly #label: string;
  readonly #code: ErrorCode;

  constructor(label: string, code: ErrorCode) {
    this.#label = label;
    this.#code = code;
  }

  broken(message: string, member?: string, cause?: unknown): FlotillaError {
    return new FlotillaError(this.#code, this.#text(message, member), {
      details: member === undefined ? {} : { member },
      ...(cause === undefined ? {} : { cause }),
    });
  }

  limit(message: string, member?: string): FlotillaError {
    return new FlotillaError("FORMAT_LIMIT", this.#text(message, member), {
      details: member === undefined ? {} : { member },
    });
  }

  #text(message: string, member: string | undefined): string {
    return `${this.#label}: ${message}${member === undefined ? "" : `: ${member}`}`;
  }
}
