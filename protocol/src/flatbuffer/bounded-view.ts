/**
 * Little-endian reads of untrusted bytes: every position is checked before it is used, and what is decoded is counted
 * against limits before anything is allocated for it. A file that is not in memory is read page by page, few at a time.
 * Knows offsets and limits, and nothing about any schema.
 */
import { type ErrorCode, FlotillaError } from "../errors.ts";
import { memoryAccess, type RandomAccess } from "../random-access.ts";
import { type Scalar, scalarBytes } from "./schema.ts";

export interface DecodeLimits {
  /** Tables decoded in all; the verifier of the FlatBuffers project has the same figure as its default. */
  readonly tables: number;
  /** Tables inside tables; likewise its default. */
  readonly depth: number;
  /** Bytes of vectors and strings decoded, as a multiple of the file's size: a sound file hardly shares any. */
  readonly sharing: number;
  /** Elements of vectors decoded in all: a byte of the file may become an object. */
  readonly elements: number;
}
export const decodeLimits: DecodeLimits = { tables: 1_000_000, depth: 64, sharing: 4, elements: 2 ** 26 };

/** Small files may share more, in proportion. */
const freeBytes = 65_536;

/** A page and the scalar that begins on its last byte. */
const pageBytes = 65_536;
const overlapBytes = 8;
const mostPages = 64;

interface Page {
  readonly start: number;
  readonly end: number;
  readonly view: DataView;
}

export class BoundedView {
  readonly byteLength: number;
  /** Where in the file the decoder is, for messages: names and indices. */
  readonly path: (string | number)[] = [];
  readonly #access: RandomAccess;
  readonly #pageBytes: number;
  readonly #pages = new Map<number, Page>();
  #page: Page | undefined;
  readonly #limits: DecodeLimits;
  #tables = 0;
  #decodedBytes = 0;
  #elements = 0;

  constructor(file: Uint8Array | RandomAccess, limits: DecodeLimits) {
    const held = file instanceof Uint8Array;
    this.#access = held ? memoryAccess(plain(file)) : file;
    this.byteLength = file.byteLength;
    this.#pageBytes = held ? Math.max(file.byteLength, 1) : pageBytes;
    this.#limits = limits;
  }

  /** The bytes of a range that was checked; a view where the file is in memory. */
  slice(start: number, length: number): Uint8Array {
    return this.#access.read(start, length);
  }

  /** The page that holds the bytes at `offset`, which were checked to be in the file, and 8 more where there are. */
  #pageAt(offset: number): Page {
    const last = this.#page;
    if (last && offset >= last.start && offset < last.end) return last;
    const index = Math.floor(offset / this.#pageBytes);
    let page = this.#pages.get(index);
    if (!page) {
      const start = index * this.#pageBytes;
      const length = Math.min(this.#pageBytes + overlapBytes, this.byteLength - start);
      const { buffer, byteOffset } = this.#access.read(start, length);
      page = { start, end: start + this.#pageBytes, view: new DataView(buffer, byteOffset, length) };
      const [oldest] = this.#pages.keys();
      if (this.#pages.size >= mostPages && oldest !== undefined) this.#pages.delete(oldest);
      this.#pages.set(index, page);
    }
    this.#page = page;
    return page;
  }

  fail(code: ErrorCode, problem: string, offset: number): FlotillaError {
    const path = this.path.reduce<string>(
      (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
      "",
    );
    return new FlotillaError(code, `${path || "file"}: ${problem} (byte ${offset} of ${this.byteLength}).`, {
      details: { path, offset, fileBytes: this.byteLength, problem },
    });
  }

  /** Asserts that `length` bytes from `offset` on are in the file. */
  need(offset: number, length: number, what: string): void {
    if (offset < 0) throw this.fail("FORMAT_CORRUPT", `${what} lies in front of the file`, offset);
    if (offset + length > this.byteLength)
      throw this.fail("FORMAT_TRUNCATED", `${what} takes ${length} bytes, which reach beyond the end`, offset);
  }

  countTable(offset: number): void {
    this.#tables += 1;
    if (this.#tables > this.#limits.tables)
      throw this.fail("FORMAT_LIMIT", `more than ${this.#limits.tables} tables`, offset);
  }

  countBytes(length: number, offset: number): void {
    this.#decodedBytes += length;
    if (this.#decodedBytes > this.byteLength * this.#limits.sharing + freeBytes)
      throw this.fail("FORMAT_LIMIT", "the same bytes are pointed at over and over", offset);
  }

  countElements(count: number, offset: number): void {
    this.#elements += count;
    if (this.#elements > this.#limits.elements)
      throw this.fail("FORMAT_LIMIT", `more than ${this.#limits.elements} elements of vectors`, offset);
  }

  checkDepth(depth: number, offset: number): void {
    if (depth > this.#limits.depth)
      throw this.fail("FORMAT_LIMIT", `tables nested deeper than ${this.#limits.depth}`, offset);
  }

  uint16(offset: number, what: string): number {
    this.need(offset, 2, what);
    const { view, start } = this.#pageAt(offset);
    return view.getUint16(offset - start, true);
  }

  int32(offset: number, what: string): number {
    this.need(offset, 4, what);
    const { view, start } = this.#pageAt(offset);
    return view.getInt32(offset - start, true);
  }

  uint32(offset: number, what: string): number {
    this.need(offset, 4, what);
    const { view, start } = this.#pageAt(offset);
    return view.getUint32(offset - start, true);
  }

  /** Follows the unsigned relative offset stored at `offset`. */
  follow(offset: number, what: string): number {
    const distance = this.uint32(offset, `the offset of ${what}`);
    if (distance === 0) throw this.fail("FORMAT_CORRUPT", `the offset of ${what} is zero`, offset);
    this.need(offset + distance, 4, what);
    return offset + distance;
  }

  scalar(type: Scalar, offset: number, what: string): number | bigint | boolean {
    this.need(offset, scalarBytes[type], what);
    const { view, start } = this.#pageAt(offset);
    const at = offset - start;
    switch (type) {
      case "bool":
        return view.getUint8(at) !== 0;
      case "int8":
        return view.getInt8(at);
      case "uint8":
        return view.getUint8(at);
      case "int16":
        return view.getInt16(at, true);
      case "uint16":
        return view.getUint16(at, true);
      case "int32":
        return view.getInt32(at, true);
      case "uint32":
        return view.getUint32(at, true);
      case "int64":
        return view.getBigInt64(at, true);
      case "uint64":
        return view.getBigUint64(at, true);
      case "float32":
        return view.getFloat32(at, true);
      case "float64":
        return view.getFloat64(at, true);
    }
  }

  /** Length and first byte of the vector at `offset`, all of whose `elementBytes`-sized elements are in the file. */
  vector(offset: number, elementBytes: number, what: string): { start: number; length: number } {
    const length = this.uint32(offset, `the length of ${what}`);
    this.need(offset + 4, length * elementBytes, `${what} of ${length} elements`);
    return { start: offset + 4, length };
  }
}

/** A plain view, whatever subclass came in: Node's Buffer reads as something else in places. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
