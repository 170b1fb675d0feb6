/**
 * The filters that a chunk went through, undone in reverse: deflate, shuffle, Fletcher-32.
 * Rules: specification IV.A.2.l; HDF5's `H5Zshuffle.c`, `H5checksum.c`. A chunk never unpacks beyond its declared size:
 * zlib is told to stop there.
 */
import { inflateSync } from "node:zlib";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { Cursor } from "./cursor.ts";

interface Filter {
  readonly id: number;
  readonly name: string;
  readonly values: readonly number[];
}

export type FilterPipeline = readonly Filter[];

const deflate = 1;
const shuffle = 2;
const fletcher32 = 3;
const names: Readonly<Record<number, string>> = {
  4: "szip",
  5: "nbit",
  6: "scaleoffset",
  32000: "lzf",
  32001: "blosc",
};
const maxFilters = 32;

export function decodeFilters(cursor: Cursor): FilterPipeline {
  const version = cursor.u8();
  const count = cursor.u8();
  if (version !== 1 && version !== 2) throw cursor.fault("FORMAT_CORRUPT", `is of version ${version}`);
  if (count > maxFilters) throw cursor.fault("FORMAT_LIMIT", `names ${count} filters, the limit is ${maxFilters}`);
  if (version === 1) cursor.skip(6);
  return Array.from({ length: count }, () => {
    const id = cursor.u16();
    const nameBytes = version === 1 || id >= 256 ? cursor.u16() : 0;
    cursor.skip(2); // whether it may be left out: the mask of each chunk says whether it was
    const valueCount = cursor.u16();
    cursor.skip(nameBytes + (version === 1 ? -nameBytes & 7 : 0));
    const values = Array.from({ length: valueCount }, () => cursor.u32());
    if (version === 1 && valueCount % 2 === 1) cursor.skip(4);
    return { id, name: names[id] ?? `filter ${id}`, values };
  });
}

/** @throws UNSUPPORTED_FORMAT when one of them is none of the three */
export function checkFilters(filters: FilterPipeline, dataset: string): void {
  const foreign = filters.filter(({ id }) => id !== deflate && id !== shuffle && id !== fletcher32);
  if (foreign.length === 0) return;
  const found = foreign.map(({ name }) => name).join(", ");
  throw new FlotillaError(
    "UNSUPPORTED_FORMAT",
    `${dataset} is packed by ${found}; deflate, shuffle and fletcher32 are read. Save the model without compression.`,
    { details: { dataset, filters: foreign.map(({ id, name }) => ({ id, name })) } },
  );
}

/** A stored chunk → its `bytes` bytes. Bit n of `mask` is set where filter n was left out. */
export function unpackChunk(
  stored: Uint8Array,
  filters: FilterPipeline,
  mask: number,
  bytes: number,
  dataset: string,
): Uint8Array {
  let chunk = stored;
  for (let at = filters.length - 1; at >= 0; at--) {
    if ((mask >>> at) & 1) continue;
    const filter = filters[at]!;
    if (filter.id === deflate) chunk = inflate(chunk, bytes + 4 * filters.length, dataset);
    else if (filter.id === shuffle) chunk = unshuffle(chunk, filter.values[0] ?? 1);
    else chunk = withoutChecksum(chunk, dataset);
  }
  if (chunk.byteLength === bytes) return chunk;
  throw corrupt(dataset, `a chunk of ${bytes} bytes unpacks to ${chunk.byteLength}`);
}

function inflate(packed: Uint8Array, most: number, dataset: string): Uint8Array {
  try {
    return inflateSync(packed, { maxOutputLength: most });
  } catch (thrown) {
    const beyond = thrown instanceof Error && "code" in thrown && thrown.code === "ERR_BUFFER_TOO_LARGE";
    if (beyond) {
      throw new FlotillaError("FORMAT_LIMIT", `${dataset}: a chunk unpacks to more than its ${most} bytes.`, {
        details: { dataset, limit: most },
      });
    }
    throw corrupt(dataset, `a chunk's compressed data is damaged (${asFlotillaError(thrown).message})`);
  }
}

/** All first bytes lie in front, then all second ones, …; what is left of a whole element stays behind them. */
function unshuffle(bytes: Uint8Array, elementBytes: number): Uint8Array {
  const elements = Math.floor(bytes.byteLength / Math.max(elementBytes, 1));
  if (elementBytes <= 1 || elements <= 1) return bytes;
  const result = new Uint8Array(bytes.byteLength);
  for (let part = 0, from = 0; part < elementBytes; part++) {
    for (let at = part, end = elements * elementBytes; at < end; at += elementBytes) result[at] = bytes[from++]!;
  }
  result.set(bytes.subarray(elements * elementBytes), elements * elementBytes);
  return result;
}

function withoutChecksum(bytes: Uint8Array, dataset: string): Uint8Array {
  const end = bytes.byteLength - 4;
  if (end < 0) throw corrupt(dataset, "a chunk is shorter than its checksum");
  const data = bytes.subarray(0, end);
  const found = new DataView(bytes.buffer, bytes.byteOffset + end, 4).getUint32(0, true);
  if (found !== fletcher32Of(data)) throw corrupt(dataset, "a chunk's checksum does not match");
  return data;
}

/** Sums of big-endian 16-bit words in ones' complement, an odd last byte counting as a high one. */
function fletcher32Of(bytes: Uint8Array): number {
  let low = 0;
  let high = 0;
  for (let at = 0; at < bytes.byteLength; at += 2) {
    low = fold(low + (bytes[at]! << 8) + (bytes[at + 1] ?? 0));
    high = fold(high + low);
  }
  return ((high << 16) | low) >>> 0;
}

const fold = (sum: number): number => (sum & 0xffff) + (sum >>> 16);

function corrupt(dataset: string, problem: string): FlotillaError {
  return new FlotillaError("FORMAT_CORRUPT", `${dataset}: ${problem}.`, { details: { dataset, problem } });
}
