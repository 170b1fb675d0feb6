/** Little-endian reads in order from one structure of an HDF5 file; none reaches beyond it. */
import type { ErrorCode, FlotillaError } from "@flotilla/protocol/errors";
import type { Hdf5File } from "./hdf5-file.ts";

export class Cursor {
  readonly file: Hdf5File;
  /** Where the structure lies in the file. */
  readonly address: number;
  /** What messages call it. */
  readonly what: string;
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(file: Hdf5File, bytes: Uint8Array, address: number, what: string) {
    this.file = file;
    this.#bytes = bytes;
    this.address = address;
    this.what = what;
  }

  get position(): number {
    return this.#position;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#position;
  }

  skip(count: number): void {
    this.bytes(count);
  }

  /** Passes what is missing to a multiple of `alignment`, counted from the structure's start. */
  align(alignment: number): void {
    this.skip(-this.#position & (alignment - 1));
  }

  u8(): number {
    return this.uint(1);
  }

  u16(): number {
    return this.uint(2);
  }

  u32(): number {
    return this.uint(4);
  }

  /** An unsigned integer of `count` bytes. @throws FORMAT_LIMIT beyond 2^53 */
  uint(count: number): number {
    const bytes = this.bytes(count);
    let value = 0;
    for (let at = count - 1; at >= 0; at--) value = value * 256 + (bytes[at] ?? 0);
    if (Number.isSafeInteger(value)) return value;
    throw this.fault("FORMAT_LIMIT", "holds a number beyond 2^53");
  }

  /** A size; its width is the file's. */
  length(): number {
    return this.uint(this.file.lengthBytes);
  }

  /** An address, or undefined for the one that means "nowhere" (all bits set). */
  optionalAddress(): number | undefined {
    const from = this.#position;
    const bytes = this.bytes(this.file.offsetBytes);
    if (bytes.every((byte) => byte === 0xff)) return undefined;
    this.#position = from;
    return this.uint(this.file.offsetBytes);
  }

  requiredAddress(): number {
    const address = this.optionalAddress();
    if (address !== undefined) return address;
    throw this.fault("FORMAT_CORRUPT", "leads nowhere");
  }

  bytes(count: number): Uint8Array {
    if (count < 0 || count > this.left) {
      throw this.fault("FORMAT_TRUNCATED", `ends ${count - this.left} bytes too early`);
    }
    const start = this.#position;
    this.#position += count;
    return this.#bytes.subarray(start, this.#position);
  }

  /** The next `count` bytes as a structure of their own. */
  part(count: number, what: string): Cursor {
    const address = this.address + this.#position;
    return new Cursor(this.file, this.bytes(count), address, what);
  }

  /** The same structure from its start. */
  again(): Cursor {
    return new Cursor(this.file, this.#bytes, this.address, this.what);
  }

  /** One byte a character. */
  text(count: number): string {
    return String.fromCharCode(...this.bytes(count));
  }

  /** UTF-8 up to a NUL, which must come within the structure. */
  textToNul(): string {
    const from = this.#position;
    const end = this.#bytes.indexOf(0, from);
    if (end < 0) throw this.fault("FORMAT_CORRUPT", "holds a text without an end");
    const text = decodeText(this.bytes(end - from));
    this.skip(1);
    return text;
  }

  fault(code: ErrorCode, problem: string): FlotillaError {
    return this.file.fault(code, `${this.what} ${problem}`, this.address + this.#position);
  }
}

const utf8 = new TextDecoder("utf-8");

/** UTF-8; what is none becomes U+FFFD, since Python writes surrogates now and then. */
export const decodeText = (bytes: Uint8Array): string => utf8.decode(bytes);
