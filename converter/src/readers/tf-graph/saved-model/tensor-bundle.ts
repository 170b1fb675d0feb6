/**
 * A tensor bundle: the index says of every variable its type, shape, shard, place and checksum; shards are read when a
 * value is asked for. Rules: tensorflow `core/protobuf/tensor_bundle.proto`, `core/util/tensor_bundle/tensor_bundle.cc`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import {
  decodeMessage,
  fixed32,
  int32,
  int64,
  type MessageOf,
  message,
  messages,
  nested,
  optional,
} from "../../../codecs/protobuf/message.ts";
import { elementCount, type Shape } from "../../../ir/graph.ts";
import type { FileSource } from "../../file-source.ts";
import type { TfTensor } from "../graph.ts";
import { shapeProto } from "../graph-messages.ts";
import { decodeShape } from "../tensor-proto.ts";
import { constantFrom, storedBytes, typeName } from "../tensor-types.ts";
import { maskedCrc32c } from "./crc32c.ts";
import { type SliceExtent, sliceKey } from "./ordered-code.ts";
import { byteString, readSstable } from "./sstable.ts";

const headerProto = message("BundleHeaderProto", { shards: int32(1), endianness: int32(2) });
const extentProto = message("TensorSliceProto.Extent", { start: int64(1), length: optional(int64(2)) });
const sliceProto = message("TensorSliceProto", { extent: messages(1, () => extentProto) });
const entryProto = message("BundleEntryProto", {
  dtype: int32(1),
  shape: nested(2, () => shapeProto),
  shard: int32(3),
  offset: int64(4),
  size: int64(5),
  crc: fixed32(6),
  slices: messages(7, () => sliceProto),
});
type Entry = MessageOf<typeof entryProto>;

const maxShards = 10_000;
const maxBytes = 2 ** 34;

export interface TensorBundle {
  /** Names, slices left out. */
  readonly names: readonly string[];
  /**
   * The variable of this name, or a part of it; undefined when there is none. Its bytes are read, and checked against their
   * checksum, when they are asked for. Throws FORMAT_CORRUPT for an entry that cannot be.
   */
  tensor(name: string, part?: readonly SliceExtent[]): TfTensor | undefined;
}

/** @throws FORMAT_WEIGHTS_MISSING (index or shards), FORMAT_CORRUPT, FORMAT_TRUNCATED, FORMAT_LIMIT, UNSUPPORTED_FORMAT */
export async function openTensorBundle(source: FileSource, prefix: string): Promise<TensorBundle> {
  const indexName = `${prefix}.index`;
  if ((await source.size(indexName)) === undefined) throw missing(source, [indexName]);
  const label = `${source.label}/${indexName}`;
  const index = readSstable(await source.read(indexName), label);
  const header = decodeMessage(headerProto, index.get("") ?? new Uint8Array(0));
  if (header.endianness !== 0) {
    throw new FlotillaError("UNSUPPORTED_FORMAT", `${label}: the variables are big-endian.`);
  }
  if (header.shards < 0 || header.shards > maxShards)
    throw new FlotillaError("FORMAT_LIMIT", `${label}: ${header.shards} shards.`);
  const entries = new Map(
    [...index].filter(([key]) => key !== "").map(([key, value]) => [key, decodeMessage(entryProto, value)]),
  );
  const used = [
    ...new Set([...entries.values()].filter(({ slices }) => slices.length === 0).map(({ shard }) => shard)),
  ];
  const stray = used.find((shard) => shard < 0 || shard >= header.shards);
  if (stray !== undefined)
    throw new FlotillaError("FORMAT_CORRUPT", `${label}: there is no shard ${stray} of ${header.shards}.`);
  const shards = new Map<number, RandomAccess>();
  const absent: string[] = [];
  for (const shard of used) {
    const path = `${prefix}.data-${String(shard).padStart(5, "0")}-of-${String(header.shards).padStart(5, "0")}`;
    if ((await source.size(path)) === undefined) absent.push(path);
    else shards.set(shard, await source.open(path));
  }
  if (absent.length > 0) throw missing(source, absent);
  return new Bundle(label, entries, shards);
}

const missing = (source: FileSource, paths: readonly string[]): FlotillaError =>
  new FlotillaError("FORMAT_WEIGHTS_MISSING", `${source.label}: the variables are not there: ${paths.join(", ")}.`, {
    details: { missing: paths },
  });

class Bundle implements TensorBundle {
  readonly #label: string;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #shards: ReadonlyMap<number, RandomAccess>;

  constructor(label: string, entries: ReadonlyMap<string, Entry>, shards: ReadonlyMap<number, RandomAccess>) {
    this.#label = label;
    this.#entries = entries;
    this.#shards = shards;
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()].filter((key) => !key.startsWith("\x00")).map(fromByteString);
  }

  tensor(name: string, part?: readonly SliceExtent[]): TfTensor | undefined {
    const key = byteString(new TextEncoder().encode(name));
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const type = typeName(entry.dtype);
    const size = storedBytes(type);
    const whole = this.#shapeOf(entry, name);
    if (size === undefined) return { type, shape: whole };
    const read = entry.slices.length > 0 ? this.#assembled(key, name, entry, size) : this.#stored(entry, name, size);
    const cut = part?.some(({ start, length }, axis) => length !== -1 && (start !== 0 || length !== whole[axis]));
    const shape = part && cut ? partShape(whole, part) : whole;
    if (!shape) throw this.#corrupt(name, `a part of it is asked for that is not in [${whole.join(", ")}]`);
    const constant = constantFrom(type, shape, () => (part && cut ? copyPart(read(), whole, part, size) : read()));
    return constant ? { type, shape, constant } : { type, shape };
  }

  #shapeOf({ shape }: Entry, name: string): Shape {
    const sizes = decodeShape(shape);
    if (!sizes || sizes.includes(-1)) throw this.#corrupt(name, "its shape is open");
    return sizes;
  }

  #stored(entry: Entry, name: string, elementBytes: number): () => Uint8Array {
    const shape = this.#shapeOf(entry, name);
    const [offset, size] = [Number(entry.offset), Number(entry.size)];
    const shard = this.#shards.get(entry.shard);
    if (size !== elementCount(shape) * elementBytes) {
      throw this.#corrupt(
        name,
        `it has ${size} bytes for the shape [${shape.join(", ")}] of ${elementBytes} bytes each`,
      );
    }
    if (size > maxBytes) throw new FlotillaError("FORMAT_LIMIT", `${this.#label}: "${name}" has ${size} bytes.`);
    if (!shard || offset < 0 || offset + size > shard.byteLength) {
      throw this.#corrupt(name, `its bytes ${offset} to ${offset + size} are beyond its shard`);
    }
    return () => {
      const found = shard.read(offset, size);
      if (maskedCrc32c(found) === entry.crc) return found;
      throw this.#corrupt(name, `its bytes in ${shard.label} do not have their checksum`);
    };
  }

  /** A variable that was partitioned: its slices lie under keys of their own. */
  #assembled(key: string, name: string, { slices, shape, dtype }: Entry, elementBytes: number): () => Uint8Array {
    const whole = decodeShape(shape) ?? [];
    const parts = slices.map(({ extent }) => {
      const extents = extent.map(({ start, length }) => ({
        start: Number(start),
        length: length === undefined ? -1 : Number(length),
      }));
      const own = this.#entries.get(sliceKey(key, extents));
      const size = partShape(whole, extents);
      if (!own || !size || own.dtype !== dtype || own.slices.length > 0)
        throw this.#corrupt(name, "one of its slices is not there");
      if (elementCount(size) !== elementCount(this.#shapeOf(own, name)))
        throw this.#corrupt(name, "a slice has another size than it should");
      return { extents, read: this.#stored(own, name, elementBytes) };
    });
    const covered = parts.reduce((sum, { extents }) => sum + elementCount(partShape(whole, extents) ?? []), 0);
    if (covered !== elementCount(whole)) throw this.#corrupt(name, "its slices do not make it up");
    return () => {
      const bytes = new Uint8Array(elementCount(whole) * elementBytes);
      for (const { extents, read } of parts) copyInto(bytes, read(), whole, extents, elementBytes);
      return bytes;
    };
  }

  #corrupt(name: string, problem: string): FlotillaError {
    return new FlotillaError("FORMAT_CORRUPT", `${this.#label}: the variable "${name}" cannot be: ${problem}.`, {
      details: { variable: name, problem },
    });
  }
}

const fromByteString = (text: string): string =>
  new TextDecoder().decode(Uint8Array.from(text, (byte) => byte.charCodeAt(0)));

/** The shape of a part; undefined for one that is not in the whole. */
function partShape(whole: Shape, part: readonly SliceExtent[]): Shape | undefined {
  if (part.length !== whole.length) return undefined;
  const sizes = part.map(({ length }, axis) => (length === -1 ? (whole[axis] ?? 0) : length));
  const fits = part.every(
    ({ start }, axis) => start >= 0 && (sizes[axis] ?? 0) >= 0 && start + (sizes[axis] ?? 0) <= (whole[axis] ?? 0),
  );
  return fits ? sizes : undefined;
}

/** Runs of bytes that lie next to each other in a part and in the whole: offsets in the whole, in order. */
function* runsOf(
  whole: Shape,
  part: readonly SliceExtent[],
): Generator<{ readonly offset: number; readonly length: number }> {
  const sizes = partShape(whole, part) ?? [];
  const strides = whole.map((_, axis) => elementCount(whole.slice(axis + 1)));
  const last = Math.max(sizes.length - 1, 0);
  const length = sizes[last] ?? 1;
  const count = elementCount(sizes.slice(0, last));
  for (let run = 0; run < count; run++) {
    let rest = run;
    let offset = part[last]?.start ?? 0;
    for (let axis = last - 1; axis >= 0; axis--) {
      const size = sizes[axis] ?? 1;
      offset += ((rest % size) + (part[axis]?.start ?? 0)) * (strides[axis] ?? 1);
      rest = Math.floor(rest / size);
    }
    yield { offset, length };
  }
}

function copyPart(bytes: Uint8Array, whole: Shape, part: readonly SliceExtent[], elementBytes: number): Uint8Array {
  const taken = new Uint8Array(elementCount(partShape(whole, part) ?? []) * elementBytes);
  let to = 0;
  for (const { offset, length } of runsOf(whole, part)) {
    taken.set(bytes.subarray(offset * elementBytes, (offset + length) * elementBytes), to);
    to += length * elementBytes;
  }
  return taken;
}

function copyInto(
  target: Uint8Array,
  bytes: Uint8Array,
  whole: Shape,
  part: readonly SliceExtent[],
  elementBytes: number,
): void {
  let from = 0;
  for (const { offset, length } of runsOf(whole, part)) {
    target.set(bytes.subarray(from, from + length * elementBytes), offset * elementBytes);
    from += length * elementBytes;
  }
}
