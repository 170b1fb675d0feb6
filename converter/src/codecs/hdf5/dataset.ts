/**
 * A dataset of an HDF5 file: shape and type at once, elements when asked for, anew on every call.
 * What is allocated is bounded by what is stored: an unpacked size must be one that deflate can reach.
 */
import { type ChunkGrid, locateChunks, type StoredChunk } from "./chunks.ts";
import { boundedElements, decodeDataspace } from "./dataspace.ts";
import { decodeDatatype, type Hdf5Type } from "./datatype.ts";
import { checkFilters, decodeFilters, type FilterPipeline, unpackChunk } from "./filters.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";
import { decodeLayout, type Layout } from "./layout.ts";
import { type HeaderMessage, messageTypes } from "./object-header.ts";

export class Hdf5Dataset {
  readonly kind = "dataset";
  /** From the root, with a slash in front. */
  readonly path: string;
  readonly shape: readonly number[];
  readonly type: Hdf5Type;
  /** Unpacked. */
  readonly byteLength: number;
  readonly #file: Hdf5File;
  readonly #layout: Layout;
  readonly #filters: FilterPipeline;
  #chunks: readonly StoredChunk[] | undefined;

  /** @throws FORMAT_*, UNSUPPORTED_FORMAT (elements outside the file, a filter or layout that is not read) */
  constructor(file: Hdf5File, path: string, messages: readonly HeaderMessage[]) {
    const body = (type: number, what: string) => {
      const message = messages.find((one) => one.type === type);
      if (message && !message.shared) return message.body(`${what} of ${path}`);
      if (message) throw file.fault("UNSUPPORTED_FORMAT", `${path} shares its ${what} with other objects`, 0);
      throw file.fault("FORMAT_CORRUPT", `${path} has no ${what}`, 0);
    };
    this.path = path;
    this.#file = file;
    if (messages.some(({ type }) => type === messageTypes.externalFiles)) {
      throw file.fault("UNSUPPORTED_FORMAT", `${path} keeps its elements in another file, which is never opened`, 0);
    }
    const space = body(messageTypes.dataspace, "dataspace");
    this.type = decodeDatatype(body(messageTypes.datatype, "datatype"));
    this.shape = decodeDataspace(space) ?? [0];
    this.byteLength = boundedElements(space, this.shape, this.type.bytes) * this.type.bytes;
    this.#layout = decodeLayout(body(messageTypes.layout, "layout"));
    this.#filters = messages.some(({ type }) => type === messageTypes.filters)
      ? decodeFilters(body(messageTypes.filters, "filter pipeline"))
      : [];
    checkFilters(this.#filters, path);
  }

  /** Bytes that the elements take in the file. @throws as {@link bytes} */
  get storedBytes(): number {
    if (this.byteLength === 0 || this.#layout.kind !== "chunked") return this.byteLength;
    return this.#located().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The elements, row-major and little-endian. @throws FORMAT_TRUNCATED, FORMAT_CORRUPT, FORMAT_LIMIT, IO_FAILED */
  bytes(): Uint8Array {
    if (this.byteLength === 0) return new Uint8Array(0);
    const layout = this.#layout;
    if (layout.kind === "chunked") return this.#assemble(layout.chunk);
    if (layout.address === undefined) throw this.#file.fault("FORMAT_TRUNCATED", `${this.path} was never written`, 0);
    if (layout.bytes < this.byteLength) {
      const problem = `${this.path} has ${layout.bytes} bytes, its shape asks for ${this.byteLength}`;
      throw this.#file.fault("FORMAT_CORRUPT", problem, layout.address);
    }
    return this.#file.access.read(layout.address, this.byteLength);
  }

  #grid(chunk: readonly number[]): ChunkGrid {
    const { path, shape, type } = this;
    const fault = (problem: string) => this.#file.fault("FORMAT_CORRUPT", `${path}: ${problem}`, 0);
    if (chunk.length !== shape.length) throw fault(`chunks of ${chunk.length} axes for ${shape.length}`);
    const chunkBytes = chunk.reduce((bytes, size) => bytes * size, type.bytes);
    const counts = shape.map((size, axis) => Math.ceil(size / chunk[axis]!));
    const total = counts.reduce((product, count) => product * count, 1);
    if (chunkBytes > hdf5Limits.chunkBytes || total > hdf5Limits.entries) {
      throw this.#file.fault("FORMAT_LIMIT", `${path} has ${total} chunks of ${chunkBytes} bytes`, 0);
    }
    return { chunk, counts, total, chunkBytes };
  }

  #located(): readonly StoredChunk[] {
    const layout = this.#layout;
    if (layout.kind !== "chunked") return [];
    this.#chunks ??= this.#locate(this.#grid(layout.chunk), layout);
    return this.#chunks;
  }

  #locate(grid: ChunkGrid, layout: Layout & { kind: "chunked" }): readonly StoredChunk[] {
    const chunks = locateChunks(this.#file, layout.index, grid, this.#filters, this.path);
    const fileBytes = this.#file.access.byteLength;
    for (const { address, bytes } of chunks) {
      if (!(address + bytes <= fileBytes)) {
        throw this.#file.fault("FORMAT_TRUNCATED", `a chunk of ${this.path} takes ${bytes} bytes`, address);
      }
      if (grid.chunkBytes > bytes * (this.#filters.length > 0 ? hdf5Limits.inflateRatio : 1)) {
        const problem = `a chunk of ${this.path} has ${bytes} bytes and would need to have ${grid.chunkBytes}`;
        throw this.#file.fault("FORMAT_CORRUPT", problem, address);
      }
    }
    return chunks;
  }

  #assemble(chunk: readonly number[]): Uint8Array {
    const grid = this.#grid(chunk);
    const chunks = this.#located();
    const result = new Uint8Array(this.byteLength);
    const position = grid.counts.map(() => 0);
    for (const { address, bytes, mask } of chunks) {
      const stored = this.#file.access.read(address, bytes);
      copyChunk(result, this.shape, this.type.bytes, {
        origin: position.map((index, axis) => index * chunk[axis]!),
        chunk,
        bytes: unpackChunk(stored, this.#filters, mask, grid.chunkBytes, this.path),
      });
      for (let axis = position.length - 1; axis >= 0; axis--) {
        position[axis]! += 1;
        if (position[axis]! < grid.counts[axis]!) break;
        position[axis] = 0;
      }
    }
    return result;
  }
}

/** Puts a chunk in its place, line by line; what reaches over the edge of the dataset is left out. */
function copyChunk(
  target: Uint8Array,
  shape: readonly number[],
  elementBytes: number,
  { origin, chunk, bytes }: { origin: readonly number[]; chunk: readonly number[]; bytes: Uint8Array },
): void {
  const rank = shape.length;
  const sizes = chunk.map((size, axis) => Math.min(size, shape[axis]! - origin[axis]!));
  const line = sizes[rank - 1]! * elementBytes;
  const position = new Array<number>(rank).fill(0);
  for (;;) {
    let to = 0;
    let from = 0;
    for (let axis = 0; axis < rank; axis++) {
      to = to * shape[axis]! + origin[axis]! + position[axis]!;
      from = from * chunk[axis]! + position[axis]!;
    }
    target.set(bytes.subarray(from * elementBytes, from * elementBytes + line), to * elementBytes);
    let axis = rank - 2;
    for (; axis >= 0; axis--) {
      position[axis]! += 1;
      if (position[axis]! < sizes[axis]!) break;
      position[axis] = 0;
    }
    if (axis < 0) return;
  }
}
