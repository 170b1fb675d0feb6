/**
 * Archives as an attacker packs them: members that unpack to far more than they are, sizes and places that lie, names that
 * lead out, names twice, thousands of members. Source: PKWARE APPNOTE 6.3.
 */
import { crc32, deflateRawSync } from "node:zlib";
import type { Random } from "./random.ts";
import { tellingNumbers, tellingTexts } from "./telling.ts";

export interface PackedMember {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly packed: Uint8Array;
  /** As the archive states it. */
  readonly bytes: number;
  readonly crc: number;
}

/** Zeros, a thousand to one; made once for each size. */
const bombs = new Map<number, { packed: Uint8Array; crc: number }>();
function bomb(bytes: number): { packed: Uint8Array; crc: number } {
  const zeros = new Uint8Array(bytes);
  const made = bombs.get(bytes) ?? { packed: deflateRawSync(zeros), crc: crc32(zeros) };
  bombs.set(bytes, made);
  return made;
}

const stored = (name: string, data: Uint8Array): PackedMember => ({
  name,
  method: 0,
  packed: data,
  bytes: data.length,
  crc: crc32(data),
});

/** The members of a sound archive, packed anew and worse. */
export function hostileZip(members: ReadonlyMap<string, Uint8Array>, random: Random): Uint8Array {
  const list = [...members].map(([name, data]) => stored(name, data));
  const at = random.below(list.length);
  const chosen = list[at] ?? stored("", new Uint8Array(0));
  switch (random.below(6)) {
    case 0: {
      const bytes = 2 ** (16 + random.below(10));
      list[at] = { ...chosen, method: 8, bytes, ...bomb(bytes) };
      break;
    }
    case 1: {
      const { packed, crc } = bomb(2 ** 24); // says it is small
      list[at] = { ...chosen, method: 8, packed, crc, bytes: random.pick(tellingNumbers) };
      break;
    }
    case 2:
      list[at] = { ...chosen, name: random.pick(tellingTexts) };
      break;
    case 3:
      list.push({ ...chosen, name: list[random.below(list.length)]?.name ?? "" });
      break;
    case 4: {
      const count = 10 ** (1 + random.below(4));
      for (let i = 0; i < count; i++) list.push({ ...stored(`m${i}`, new Uint8Array(0)) });
      break;
    }
    default: {
      const packed = deflateRawSync(chosen.packed);
      list[at] = {
        ...chosen,
        method: 8,
        packed: packed.subarray(0, packed.length - random.below(2) * random.below(8)),
      };
    }
  }
  const bytes = packZip(list);
  return random.below(3) === 0 ? lyingField(bytes, random) : bytes;
}

const end = 0x06054b50;
const central = 0x02014b50;
const local = 0x04034b50;

/** One field of one header becomes a telling number: method, flags, sizes, lengths, places, counts. */
function lyingField(bytes: Uint8Array, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headers: { at: number; fields: readonly (readonly [number, 2 | 4])[] }[] = [];
  for (let at = 0; at + 22 <= bytes.length; at++) {
    const signature = view.getUint32(at, true);
    if (signature === local && at + 30 <= bytes.length)
      headers.push({ at, fields: [[6, 2], [8, 2], [14, 4], [18, 4], [22, 4], [26, 2], [28, 2]] });
    else if (signature === central && at + 46 <= bytes.length)
      headers.push({ at, fields: [[8, 2], [10, 2], [16, 4], [20, 4], [24, 4], [28, 2], [30, 2], [32, 2], [42, 4]] });
    else if (signature === end) headers.push({ at, fields: [[8, 2], [10, 2], [12, 4], [16, 4], [20, 2]] });
  } // biome-ignore format: offsets and widths
  const header = headers[random.below(headers.length)];
  const [offset = 0, width = 2] = header?.fields[random.below(header.fields.length)] ?? [];
  if (!header) return bytes;
  const value = random.pick(tellingNumbers);
  if (width === 2) view.setUint16(header.at + offset, value & 0xffff, true);
  else view.setUint32(header.at + offset, value, true);
  return bytes;
}

function packZip(members: readonly PackedMember[]): Uint8Array {
  const [locals, centrals]: [Uint8Array[], Uint8Array[]] = [[], []];
  let at = 0;
  for (const { name, method, packed, bytes, crc } of members) {
    const encoded = new TextEncoder().encode(name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(method, 4);
    shared.writeUInt16LE(0x21, 8);
    shared.writeUInt32LE(crc, 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(bytes >>> 0, 18);
    shared.writeUInt16LE(encoded.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    const own = [word(local), shared, encoded, packed];
    locals.push(...own);
    centrals.push(word(central), Buffer.from([20, 0]), shared, place, encoded);
    at += own.reduce((sum, piece) => sum + piece.length, 0);
  }
  const directory = Buffer.concat(centrals);
  const last = Buffer.alloc(18);
  last.writeUInt16LE(members.length & 0xffff, 4);
  last.writeUInt16LE(members.length & 0xffff, 6);
  last.writeUInt32LE(directory.length, 8);
  last.writeUInt32LE(at, 12);
  return new Uint8Array(Buffer.concat([...locals, directory, word(end), last]));
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
