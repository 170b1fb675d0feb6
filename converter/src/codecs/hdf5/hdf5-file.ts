/**
 * An HDF5 file as far as its metadata readers need it: sizes of addresses and lengths, bounded reads, and an account of
 * all metadata read, which ends loops and repeated structures in hostile files.
 * Knows ranges of bytes, and nothing of what lies in them.
 */
import { type ErrorCode, FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { Cursor } from "./cursor.ts";

/** Bounds on what a file may make the reader do; far above what any Keras version writes. */
export const hdf5Limits = {
  /** Metadata read, in bytes: as a multiple of the file's size, with something free for small files, and in all. */
  metadataSharing: 8,
  freeMetadataBytes: 2 ** 22,
  metadataBytes: 2 ** 28,
  /** One structure that is read in one piece: a header block, a heap, a node. HDF5's own are far smaller. */
  blockBytes: 2 ** 26,
  /** Groups within groups, and levels of a tree. */
  depth: 64,
  /** HDF5's own (H5S_MAX_RANK). */
  rank: 32,
  /** Links of one group, messages of one object, chunks of one dataset. */
  entries: 1_000_000,
  /** One dataset, unpacked. */
  datasetBytes: 2 ** 32,
  /** One chunk, unpacked: HDF5 had 4 GiB as its own limit; what is written in practice is below 64 MiB. */
  chunkBytes: 2 ** 30,
  /** Deflate cannot do better than 1:1032. */
  inflateRatio: 1_032,
} as const;

/** Metadata is read through pages, since most structures are some dozen bytes beside each other. */
const pageBytes = 2 ** 15;
const maxPages = 64;

export class Hdf5File {
  readonly access: RandomAccess;
  /** Bytes of an address ("offset" in the specification). */
  readonly offsetBytes: number;
  /** Bytes of a length. */
  readonly lengthBytes: number;
  readonly #pages = new Map<number, Uint8Array>();
  #metadataBytes = 0;

  constructor(access: RandomAccess, offsetBytes: number, lengthBytes: number) {
    this.access = access;
    this.offsetBytes = offsetBytes;
    this.lengthBytes = lengthBytes;
  }

  /** `length` bytes of metadata at `address`, for reading in order. @throws FORMAT_TRUNCATED, FORMAT_LIMIT */
  at(address: number, length: number, what: string): Cursor {
    if (length > hdf5Limits.blockBytes) {
      throw this.fault("FORMAT_LIMIT", `${what} takes ${length} bytes, the limit is ${hdf5Limits.blockBytes}`, address);
    }
    if (!(address + length <= this.access.byteLength)) {
      throw this.fault("FORMAT_TRUNCATED", `${what} takes ${length} bytes, which reach beyond the end`, address);
    }
    this.#account(length, address);
    return new Cursor(this, this.#read(address, length), address, what);
  }

  /** As {@link at}, and the four letters that the structure starts with are checked and passed. */
  structure(signature: string, address: number, length: number, what: string): Cursor {
    const cursor = this.at(address, length, what);
    const found = cursor.text(4);
    if (found === signature) return cursor;
    throw this.fault("FORMAT_CORRUPT", `${what} starts with ${JSON.stringify(found)}, not with ${signature}`, address);
  }

  fault(code: ErrorCode, problem: string, address: number): FlotillaError {
    return new FlotillaError(code, `${this.access.label}: ${problem} (byte ${address} of ${this.access.byteLength}).`, {
      details: { offset: address, fileBytes: this.access.byteLength, problem },
    });
  }

  #account(length: number, address: number): void {
    this.#metadataBytes += length + 16;
    const { metadataSharing, freeMetadataBytes, metadataBytes } = hdf5Limits;
    const limit = Math.min(metadataBytes, freeMetadataBytes + metadataSharing * this.access.byteLength);
    if (this.#metadataBytes <= limit) return;
    throw this.fault("FORMAT_LIMIT", `its structures are read over and over: more than ${limit} bytes`, address);
  }

  #read(address: number, length: number): Uint8Array {
    if (length > pageBytes / 2) return this.access.read(address, length);
    const first = Math.floor(address / pageBytes);
    const within = address - first * pageBytes;
    if (within + length <= pageBytes) return this.#page(first).subarray(within, within + length);
    return this.access.read(address, length);
  }

  #page(index: number): Uint8Array {
    const known = this.#pages.get(index);
    if (known) return known;
    const start = index * pageBytes;
    const page = this.access.read(start, Math.min(pageBytes, this.access.byteLength - start));
    if (this.#pages.size >= maxPages) {
      const [oldest] = this.#pages.keys();
      if (oldest !== undefined) this.#pages.delete(oldest);
    }
    this.#pages.set(index, page);
    return page;
  }
}
