/**
 * Where a dataset's elements lie: message versions 3 and 4 (5 of HDF5 2.0 has the form of 4).
 * Rules: specification IV.A.2.i, VII.C. Versions 1 and 2 ended with HDF5 1.6, long before Keras.
 */
import type { Cursor } from "./cursor.ts";
import { hdf5Limits } from "./hdf5-file.ts";

export type ChunkIndex =
  | { readonly kind: "tree"; readonly address: number | undefined }
  | { readonly kind: "single"; readonly address: number | undefined; readonly stored?: { bytes: number; mask: number } }
  | { readonly kind: "implicit"; readonly address: number | undefined }
  | { readonly kind: "fixed-array"; readonly address: number | undefined };

export type Layout =
  | { readonly kind: "compact"; readonly address: number; readonly bytes: number }
  /** Without an address nothing was ever written. */
  | { readonly kind: "contiguous"; readonly address: number | undefined; readonly bytes: number }
  | { readonly kind: "chunked"; readonly chunk: readonly number[]; readonly index: ChunkIndex };

export function decodeLayout(cursor: Cursor): Layout {
  const version = cursor.u8();
  if (version < 3 || version > 5) {
    throw cursor.fault("UNSUPPORTED_FORMAT", `is a layout of version ${version}; 3, 4 and 5 are read`);
  }
  const layoutClass = cursor.u8();
  switch (layoutClass) {
    case 0: {
      const bytes = cursor.u16();
      return { kind: "compact", address: cursor.part(bytes, cursor.what).address, bytes };
    }
    case 1:
      return { kind: "contiguous", address: cursor.optionalAddress(), bytes: cursor.length() };
    case 2:
      return version === 3 ? decodeTreeOfChunks(cursor) : decodeIndexedChunks(cursor);
    case 3:
      throw cursor.fault("UNSUPPORTED_FORMAT", "is a virtual dataset, whose values lie in other files");
    default:
      throw cursor.fault("FORMAT_CORRUPT", `is a layout of class ${layoutClass}`);
  }
}

function decodeTreeOfChunks(cursor: Cursor): Layout {
  const dimensions = rankOf(cursor);
  const address = cursor.optionalAddress();
  const chunk = Array.from({ length: dimensions - 1 }, () => sizeOf(cursor, 4));
  return { kind: "chunked", chunk, index: { kind: "tree", address } };
}

function decodeIndexedChunks(cursor: Cursor): Layout {
  const flags = cursor.u8();
  if (flags & 1) throw cursor.fault("UNSUPPORTED_FORMAT", "leaves chunks at the edge unpacked");
  const dimensions = rankOf(cursor);
  const sizeBytes = cursor.u8();
  if (sizeBytes < 1 || sizeBytes > 8) throw cursor.fault("FORMAT_CORRUPT", `has sizes of ${sizeBytes} bytes`);
  const chunk = Array.from({ length: dimensions - 1 }, () => sizeOf(cursor, sizeBytes));
  cursor.skip(sizeBytes); // the element's size
  return { kind: "chunked", chunk, index: decodeIndex(cursor, flags) };
}

function decodeIndex(cursor: Cursor, flags: number): ChunkIndex {
  const type = cursor.u8();
  switch (type) {
    case 1: {
      if (!(flags & 2)) return { kind: "single", address: cursor.optionalAddress() };
      const bytes = cursor.length();
      const mask = cursor.u32();
      return { kind: "single", address: cursor.optionalAddress(), stored: { bytes, mask } };
    }
    case 2:
      return { kind: "implicit", address: cursor.optionalAddress() };
    case 3:
      cursor.skip(1); // elements a page: its header says so again
      return { kind: "fixed-array", address: cursor.optionalAddress() };
    case 4:
    case 5:
      throw cursor.fault("UNSUPPORTED_FORMAT", "indexes its chunks for growing without end; save it with a fixed size");
    default:
      throw cursor.fault("FORMAT_CORRUPT", `has a chunk index of type ${type}`);
  }
}

function rankOf(cursor: Cursor): number {
  const dimensions = cursor.u8(); // one more than axes: the element's size is the last
  if (dimensions < 2 || dimensions > hdf5Limits.rank + 1) {
    throw cursor.fault("FORMAT_CORRUPT", `has chunks of ${dimensions - 1} axes`);
  }
  return dimensions;
}

function sizeOf(cursor: Cursor, bytes: number): number {
  const size = cursor.uint(bytes);
  if (size > 0) return size;
  throw cursor.fault("FORMAT_CORRUPT", "has chunks of no size");
}
