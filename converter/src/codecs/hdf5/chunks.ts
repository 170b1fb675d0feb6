/**
 * Which chunks a dataset has and where they lie. Rules: specification III.A.1 (tree), VII.C and VII.D (implicit, fixed array).
 * Every chunk must be there: Keras writes whole tensors, and a dataset with holes is a file that was cut off or made up.
 */
import type { FilterPipeline } from "./filters.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";
import type { ChunkIndex } from "./layout.ts";

export interface StoredChunk {
  readonly address: number;
  readonly bytes: number;
  readonly mask: number;
}

export interface ChunkGrid {
  /** Chunks along each axis. */
  readonly counts: readonly number[];
  readonly chunk: readonly number[];
  readonly total: number;
  /** One chunk, unpacked. */
  readonly chunkBytes: number;
}

/** The chunks in row-major order of the grid. */
export function locateChunks(
  file: Hdf5File,
  index: ChunkIndex,
  grid: ChunkGrid,
  filters: FilterPipeline,
  dataset: string,
): readonly StoredChunk[] {
  const { address } = index;
  if (address === undefined) throw file.fault("FORMAT_TRUNCATED", `${dataset} was never written`, 0);
  const whole = (at: number): StoredChunk => ({ address: at, bytes: grid.chunkBytes, mask: 0 });
  switch (index.kind) {
    case "tree":
      return readTree(file, address, grid, dataset);
    case "single":
      if (grid.total !== 1)
        throw file.fault("FORMAT_CORRUPT", `${dataset} has one chunk and needs ${grid.total}`, address);
      return [index.stored ? { address, ...index.stored } : whole(address)];
    case "implicit":
      return Array.from({ length: grid.total }, (_, at) => whole(address + at * grid.chunkBytes));
    case "fixed-array":
      return readFixedArray(file, address, grid, filters.length > 0, dataset);
  }
}

function readTree(file: Hdf5File, root: number, grid: ChunkGrid, dataset: string): readonly StoredChunk[] {
  const what = `the index of ${dataset}`;
  const rank = grid.chunk.length;
  const chunks = new Map<number, StoredChunk>();
  const seen = new Set<number>();
  const keyBytes = 8 + 8 * (rank + 1);
  const visit = (address: number, parentLevel: number): void => {
    if (seen.has(address)) throw file.fault("FORMAT_CORRUPT", `${what} leads back into itself`, address);
    seen.add(address);
    const headBytes = 8 + 2 * file.offsetBytes;
    const head = file.structure("TREE", address, headBytes, what);
    const [type, level, entries] = [head.u8(), head.u8(), head.u16()];
    if (type !== 1 || level >= parentLevel) throw head.fault("FORMAT_CORRUPT", "is no tree of chunks");
    const cursor = file.at(address + headBytes, entries * (keyBytes + file.offsetBytes), what);
    for (let entry = 0; entry < entries; entry++) {
      const bytes = cursor.u32();
      const mask = cursor.u32();
      const offsets = Array.from({ length: rank }, () => cursor.uint(8));
      cursor.skip(8);
      const child = cursor.requiredAddress();
      if (level > 0) visit(child, level);
      else {
        const place = placeOf(offsets, grid);
        if (place === undefined || chunks.has(place))
          throw cursor.fault("FORMAT_CORRUPT", "holds a chunk out of place");
        chunks.set(place, { address: child, bytes, mask });
      }
    }
  };
  visit(root, hdf5Limits.depth);
  return complete(file, root, chunks, grid, dataset);
}

/** The chunk's number in the grid; undefined for one that lies beside it. */
function placeOf(offsets: readonly number[], grid: ChunkGrid): number | undefined {
  let place = 0;
  for (const [axis, offset] of offsets.entries()) {
    const index = offset / grid.chunk[axis]!;
    if (!Number.isInteger(index) || index >= grid.counts[axis]!) return undefined;
    place = place * grid.counts[axis]! + index;
  }
  return place;
}

function readFixedArray(
  file: Hdf5File,
  address: number,
  grid: ChunkGrid,
  filtered: boolean,
  dataset: string,
): readonly StoredChunk[] {
  const what = `the index of ${dataset}`;
  const head = file.structure("FAHD", address, 8 + file.lengthBytes + file.offsetBytes, what);
  head.skip(2);
  const entryBytes = head.u8();
  const pageBits = head.u8();
  const entries = head.length();
  const block = head.requiredAddress();
  const sizeBytes = entryBytes - file.offsetBytes - 4;
  if (entries !== grid.total || pageBits > 31 || (filtered ? sizeBytes < 1 || sizeBytes > 8 : sizeBytes !== -4)) {
    throw head.fault("FORMAT_CORRUPT", `has ${entries} entries of ${entryBytes} bytes`);
  }
  const pageEntries = 2 ** pageBits;
  const pages = entries > pageEntries ? Math.ceil(entries / pageEntries) : 0;
  // Behind the head stand, of a paged array, a bit for each page and a checksum; then pages, each with its own.
  const headBytes = 6 + file.offsetBytes + (pages > 0 ? Math.ceil(pages / 8) + 4 : 0);
  const cursor = file.structure("FADB", block, headBytes + entries * entryBytes + Math.max(pages - 1, 0) * 4, what);
  cursor.skip(headBytes - 4);
  const chunks = new Map<number, StoredChunk>();
  for (let at = 0; at < entries; at++) {
    if (pages > 0 && at > 0 && at % pageEntries === 0) cursor.skip(4);
    const chunkAddress = cursor.optionalAddress();
    const bytes = filtered ? cursor.uint(sizeBytes) : grid.chunkBytes;
    const mask = filtered ? cursor.u32() : 0;
    if (chunkAddress !== undefined) chunks.set(at, { address: chunkAddress, bytes, mask });
  }
  return complete(file, address, chunks, grid, dataset);
}

function complete(
  file: Hdf5File,
  address: number,
  chunks: ReadonlyMap<number, StoredChunk>,
  grid: ChunkGrid,
  dataset: string,
): readonly StoredChunk[] {
  if (chunks.size !== grid.total) {
    throw file.fault("FORMAT_TRUNCATED", `${dataset} has ${chunks.size} of its ${grid.total} chunks`, address);
  }
  return Array.from({ length: grid.total }, (_, at) => chunks.get(at)!);
}
