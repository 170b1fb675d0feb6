/**
 * The part of ZIP (PKWARE APPNOTE 6.3) that array archives need: many members, no encryption, no ZIP64.
 * Written members are stored, without time stamps, in the order given: the same content gives the same bytes.
 * Read members are stored or deflated; nothing is allocated that the directory does not announce within the limits.
 */
import { inflateSync } from "fflate";
import { FlotillaError } from "./errors.ts";

export interface ZipLimits {
  readonly maxMembers: number;
  /** Sum of all members, unpacked. */
  readonly maxTotalBytes: number;
  /** Unpacked to packed, for members above 1 MiB. */
  readonly maxRatio: number;
}

const localSignature = 0x04034b50;
const centralSignature = 0x02014b50;
const endSignature = 0x06054b50;
const localHeaderBytes = 30;
const centralHeaderBytes = 46;
const endRecordBytes = 22;
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
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const directory = readDirectory(archive, view, limits);
  let total = 0;
  for (const member of directory) {
    total += member.bytes;
    if (total > limits.maxTotalBytes) {
      throw limit(`the members unpack to more than ${limits.maxTotalBytes} bytes`, member.name);
    }
    if (member.bytes > ratioMattersBytes && member.bytes > member.packedBytes * limits.maxRatio) {
      throw limit(`member unpacks to more than ${limits.maxRatio} times its size`, member.name);
    }
  }
  const members = new Map<string, Uint8Array>();
  for (const member of directory) {
    if (members.has(member.name)) throw broken("member appears twice", member.name);
    members.set(member.name, unpack(archive, view, member));
  }
  return members;
}

function readDirectory(archive: Uint8Array, view: DataView, limits: ZipLimits): Member[] {
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  if (view.getUint16(end + 8, true) !== count) throw broken("archive is split over several files");
  const size = view.getUint32(end + 12, true);
  const start = view.getUint32(end + 16, true);
  if (start === max32 || count === 0xffff) throw limit("ZIP64 archives are not read");
  if (start + size > end) throw broken("directory lies outside the archive");
  if (count > limits.maxMembers) throw limit(`archive has ${count} members, more than ${limits.maxMembers}`);
  const members: Member[] = [];
  for (let at = start; members.length < count; ) {
    if (at + centralHeaderBytes > end || view.getUint32(at, true) !== centralSignature) {
      throw broken(`directory entry ${members.length} is not at its place, byte ${at}`);
    }
    const nameLength = view.getUint16(at + 28, true);
    const next = at + centralHeaderBytes + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > end) throw broken(`directory entry ${members.length} ends outside the archive`);
    const name = decodeName(archive.subarray(at + centralHeaderBytes, at + centralHeaderBytes + nameLength));
    if (view.getUint16(at + 8, true) & 1) throw broken("member is encrypted", name);
    const member = {
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      localOffset: view.getUint32(at + 42, true),
    };
    if (member.bytes === max32 || member.packedBytes === max32) throw limit("ZIP64 members are not read", name);
    members.push(member);
    at = next;
  }
  return members;
}

/** The end record stands before a comment of unknown length: search backwards. */
function findEnd(view: DataView): number {
  const lowest = Math.max(0, view.byteLength - endRecordBytes - maxCommentBytes);
  for (let at = view.byteLength - endRecordBytes; at >= lowest; at--) {
    const commentBytes = view.byteLength - endRecordBytes - at;
    if (view.getUint32(at, true) === endSignature && view.getUint16(at + 20, true) === commentBytes) return at;
  }
  throw broken("no end record: not an archive, or cut off");
}

function unpack(archive: Uint8Array, view: DataView, member: Member): Uint8Array {
  const at = member.localOffset;
  if (at + localHeaderBytes > archive.length || view.getUint32(at, true) !== localSignature) {
    throw broken(`no member at byte ${at}`, member.name);
  }
  const start = at + localHeaderBytes + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  if (start + member.packedBytes > archive.length) throw broken("data ends outside the archive", member.name);
  const packed = archive.subarray(start, start + member.packedBytes);
  const data = member.method === 0 ? packed : inflate(packed, member);
  if (data.length !== member.bytes) {
    throw broken(`unpacks to another size than the announced ${member.bytes} bytes`, member.name);
  }
  if (crc32(data) !== member.crc) throw broken("checksum does not match", member.name);
  return data;
}

function inflate(packed: Uint8Array, member: Member): Uint8Array {
  if (member.method !== 8) throw broken(`compression method ${member.method} is not read`, member.name);
  try {
    // One byte more than announced, so that a longer stream shows as a longer result.
    return inflateSync(packed, { out: new Uint8Array(member.bytes + 1) });
  } catch (cause) {
    throw new FlotillaError("FORMAT_NPZ", `array archive: damaged compressed data: ${member.name}`, { cause });
  }
}

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FlotillaError("FORMAT_NPZ", "array archive: a member's name is not UTF-8", { cause });
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

function broken(message: string, member?: string): FlotillaError {
  return new FlotillaError("FORMAT_NPZ", `array archive: ${message}${member === undefined ? "" : `: ${member}`}`, {
    details: member === undefined ? {} : { member },
  });
}

function limit(message: string, member?: string): FlotillaError {
  return new FlotillaError("FORMAT_LIMIT", `array archive: ${message}${member === undefined ? "" : `: ${member}`}`, {
    details: member === undefined ? {} : { member },
  });
}
