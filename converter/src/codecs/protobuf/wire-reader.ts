/**
 * The library's wire reader (`@bufbuild/protobuf/wire`) over a file that is read in ranges: a window at a time, so that
 * the data of tensors can be passed over without being read. Of files in memory everything is a view.
 * Knows the wire format only; messages are in `message.ts`.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { FlotillaError } from "@flotilla/protocol/errors";
import { memoryAccess, type RandomAccess } from "@flotilla/protocol/random-access";

const windowBytes = 2 ** 18;
/** No number, tag or length takes more. */
const longestScalar = 10;
const maxGroupDepth = 100;
const text = new TextDecoder();

/** Bytes of a file that are read when they are asked for. */
export interface Span {
  readonly byteLength: number;
  readonly bytes: () => Uint8Array;
}

export const emptySpan: Span = { byteLength: 0, bytes: () => new Uint8Array(0) };

export class WireReader {
  readonly len: number;
  readonly #file: RandomAccess;
  readonly #inMemory: boolean;
  #start = 0;
  #held: Uint8Array;
  #window: BinaryReader;

  constructor(content: Uint8Array | RandomAccess) {
    this.#inMemory = content instanceof Uint8Array;
    this.#file = content instanceof Uint8Array ? memoryAccess(content) : content;
    this.len = this.#file.byteLength;
    this.#held = this.#file.read(0, this.#inMemory ? this.len : Math.min(windowBytes, this.len));
    this.#window = new BinaryReader(this.#held);
  }

  get pos(): number {
    return this.#start + this.#window.pos;
  }

  tag(): [number, WireType] {
    return this.#at(longestScalar).tag();
  }

  int32(): number {
    return this.#at(longestScalar).int32();
  }

  uint32(): number {
    return this.#at(longestScalar).uint32();
  }

  int64(): bigint {
    return BigInt(this.#at(longestScalar).int64());
  }

  uint64(): bigint {
    return BigInt(this.#at(longestScalar).uint64());
  }

  bool(): boolean {
    return this.#at(longestScalar).bool();
  }

  float(): number {
    return this.#at(longestScalar).float();
  }

  double(): number {
    return this.#at(longestScalar).double();
  }

  fixed32(): number {
    return this.#at(longestScalar).fixed32();
  }

  /** A view of a file in memory, else a copy. */
  bytes(): Uint8Array {
    const found = this.#take();
    return this.#inMemory ? found : found.slice();
  }

  string(): string {
    return text.decode(this.#take());
  }

  /** The field's bytes, passed over. */
  span(): Span {
    const byteLength = this.#length();
    const start = this.pos;
    this.#seek(start + byteLength);
    return { byteLength, bytes: () => this.#file.read(start, byteLength) };
  }

  skip(wire: WireType, field: number, depth = 0): void {
    if (wire === WireType.LengthDelimited) {
      this.span();
    } else if (wire === WireType.StartGroup) {
      if (depth > maxGroupDepth) throw new FlotillaError("FORMAT_LIMIT", `Groups nest deeper than ${maxGroupDepth}.`);
      for (let [number, inner] = this.tag(); inner !== WireType.EndGroup; [number, inner] = this.tag())
        this.skip(inner, number, depth + 1);
    } else {
      this.#at(longestScalar).skip(wire, field);
    }
  }

  /** The library's reader with `bytes` ahead of it, or all that there are. */
  #at(bytes: number): BinaryReader {
    const { pos } = this;
    if (this.#window.pos + bytes > this.#held.byteLength && this.#start + this.#held.byteLength < this.len)
      this.#load(pos);
    return this.#window;
  }

  /** The length of a field that lies within the file. */
  #length(): number {
    const byteLength = this.uint32();
    if (byteLength <= this.len - this.pos) return byteLength;
    throw new FlotillaError("FORMAT_CORRUPT", `${byteLength} bytes announced at byte ${this.pos}.`);
  }

  /** The field's bytes: of the window where they fit into one. */
  #take(): Uint8Array {
    const byteLength = this.#length();
    const { pos } = this;
    if (byteLength > windowBytes && !this.#inMemory) {
      this.#seek(pos + byteLength);
      return this.#file.read(pos, byteLength);
    }
    const window = this.#at(byteLength);
    const at = window.pos;
    window.pos += byteLength;
    return this.#held.subarray(at, at + byteLength);
  }

  #seek(position: number): void {
    if (position <= this.#start + this.#held.byteLength) this.#window.pos = position - this.#start;
    else this.#load(position);
  }

  #load(position: number): void {
    this.#start = position;
    this.#held = this.#file.read(position, Math.min(windowBytes, this.len - position));
    this.#window = new BinaryReader(this.#held);
  }
}
