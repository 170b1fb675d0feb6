/**
 * Little-endian reads of untrusted bytes: every position is checked before it is used, and what is decoded is counted
 * against limits before anything is allocated for it.
 * Knows offsets and limits, and nothing about any schema.
 */
import { type ErrorCode, FlotillaError } from "../errors.ts";
import { type Scalar, scalarBytes } from "./schema.ts";

export interface DecodeLimits {
  /** Tables decoded in all; the verifier of the FlatBuffers project has the same figure as its default. */
  readonly tables: number;
  /** Tables inside tables; likewise its default. */
  readonly depth: number;
  /** Bytes of vectors and strings decoded, as a multiple of the file's size: a sound file hardly shares any. */
  readonly sharing: number;
}
export const decodeLimits: DecodeLimits = { tables: 1_000_000, depth: 64, sharing: 4 };

/** Small files may share more, in proportion. */
const freeBytes = 65_536;

export class BoundedView {
  readonly bytes: Uint8Array;
  /** Where in the file the decoder is, for messages: names and indices. */
  readonly path: (string | number)[] = [];
  readonly #view: DataView;
  readonly #limits: DecodeLimits;
  #tables = 0;
  #decodedBytes = 0;

  constructor(bytes: Uint8Array, limits: DecodeLimits) {
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength); // plain, whatever subclass came in
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
  }

  fail(code: ErrorCode, problem: string, offset: number): FlotillaError {
    const path = this.path.reduce<string>(
      (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
      "",
    );
    return new FlotillaError(code, `${path || "file"}: ${problem} (byte ${offset} of ${this.bytes.byteLength}).`, {
      details: { path, offset, fileBytes: this.bytes.byteLength, problem },
    });
  }

  /** Asserts that `length` bytes from `offset` on are in the file. */
  need(offset: number, length: number, what: string): void {
    if (offset < 0) throw this.fail("FORMAT_CORRUPT", `${what} lies in front of the file`, offset);
    if (offset + length > this.bytes.byteLength)
      throw this.fail("FORMAT_TRUNCATED", `${what} takes ${length} bytes, which reach beyond the end`, offset);
  }

  countTable(offset: number): void {
    this.#tables += 1;
    if (this.#tables > this.#limits.tables)
      throw this.fail("FORMAT_LIMIT", `more than ${this.#limits.tables} tables`, offset);
  }

  countBytes(length: number, offset: number): void {
    this.#decodedBytes += length;
    if (this.#decodedBytes > this.bytes.byteLength * this.#limits.sharing + freeBytes)
      throw this.fail("FORMAT_LIMIT", "the same bytes are pointed at over and over", offset);
  }

  checkDepth(depth: number, offset: number): void {
    if (depth > this.#limits.depth)
      throw this.fail("FORMAT_LIMIT", `tables nested deeper than ${this.#limits.depth}`, offset);
  }

  uint16(offset: number, what: string): number {
    this.need(offset, 2, what);
    return this.#view.getUint16(offset, true);
  }

  int32(offset: number, what: string): number {
    this.need(offset, 4, what);
    return this.#view.getInt32(offset, true);
  }

  uint32(offset: number, what: string): number {
    this.need(offset, 4, what);
    return this.#view.getUint32(offset, true);
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
    const view = this.#view;
    switch (type) {
      case "bool":
        return view.getUint8(offset) !== 0;
      case "int8":
        return view.getInt8(offset);
      case "uint8":
        return view.getUint8(offset);
      case "int16":
        return view.getInt16(offset, true);
      case "uint16":
        return view.getUint16(offset, true);
      case "int32":
        return view.getInt32(offset, true);
      case "uint32":
        return view.getUint32(offset, true);
      case "int64":
        return view.getBigInt64(offset, true);
      case "uint64":
        return view.getBigUint64(offset, true);
      case "float32":
        return view.getFloat32(offset, true);
      case "float64":
        return view.getFloat64(offset, true);
    }
  }

  /** Length and first byte of the vector at `offset`, all of whose `elementBytes`-sized elements are in the file. */
  vector(offset: number, elementBytes: number, what: string): { start: number; length: number } {
    const length = this.uint32(offset, `the length of ${what}`);
    this.need(offset + 4, length * elementBytes, `${what} of ${length} elements`);
    return { start: offset + 4, length };
  }
}
