/**
 * A LevelDB table, as TensorFlow writes a checkpoint's index: blocks of sorted keys that share prefixes, found through an
 * index block whose place the footer says. Rules: leveldb `doc/table_format.md`, tensorflow `core/lib/io/{format,block}.cc`.
 * Every offset is checked, and every block against its checksum.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { maskedCrc32c } from "./crc32c.ts";

const footerBytes = 48;
const magic = 0xdb4775248b80fb57n;
/** Type of compression and checksum behind a block. */
const trailerBytes = 5;
/** A checkpoint has one key per variable; the largest have some ten thousand. */
const maxEntries = 1_000_000;
const maxKeyBytes = 65_536;

/** All entries, keys as byte strings (one character a byte), in order. @throws FORMAT_CORRUPT, FORMAT_TRUNCATED, FORMAT_LIMIT, UNSUPPORTED_FORMAT */
export function readSstable(bytes: Uint8Array, label: string): ReadonlyMap<string, Uint8Array> {
  if (bytes.length < footerBytes) {
    throw new FlotillaError("FORMAT_TRUNCATED", `${label} has ${bytes.length} bytes, less than a table's footer.`);
  }
  const table = new Table(bytes, label);
  const entries = new Map<string, Uint8Array>();
  for (const [, handle] of table.block(table.indexHandle())) {
    for (const [key, value] of table.block(table.handleIn(handle))) {
      entries.set(key, value);
      if (entries.size > maxEntries) {
        throw new FlotillaError("FORMAT_LIMIT", `${label} has more than ${maxEntries} entries.`);
      }
    }
  }
  return entries;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

class Table {
  readonly #bytes: Uint8Array;
  readonly #label: string;
  /** Blocks do not overlap: together they are no larger than the file. */
  #left: number;

  constructor(bytes: Uint8Array, label: string) {
    this.#bytes = bytes;
    this.#label = label;
    this.#left = bytes.length;
  }

  indexHandle(): Handle {
    const start = this.#bytes.length - footerBytes;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    if (view.getBigUint64(start + 40, true) !== magic)
      throw this.#corrupt("its footer has not the mark of a table", start + 40);
    const cursor = new Cursor(this.#bytes.subarray(start, start + 40), start, this.#label);
    cursor.varint(); // of the block of meta-information, which TensorFlow leaves empty
    cursor.varint();
    return { offset: cursor.varint(), size: cursor.varint() };
  }

  handleIn(value: Uint8Array): Handle {
    const cursor = new Cursor(value, 0, this.#label);
    return { offset: cursor.varint(), size: cursor.varint() };
  }

  block({ offset, size }: Handle): [key: string, value: Uint8Array][] {
    const end = offset + size;
    if (end + trailerBytes > this.#bytes.length)
      throw this.#corrupt(`a block of ${size} bytes is beyond its end`, offset);
    this.#left -= size + trailerBytes;
    if (this.#left < 0) throw this.#corrupt("its blocks overlap", offset);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    if (view.getUint32(end + 1, true) !== maskedCrc32c(this.#bytes.subarray(offset, end + 1))) {
      throw this.#corrupt("a block does not have its checksum", offset);
    }
    if (this.#bytes[end] !== 0) {
      throw new FlotillaError(
        "UNSUPPORTED_FORMAT",
        `${this.#label} is compressed, which no exporter of SavedModels does.`,
      );
    }
    return this.#entries(this.#bytes.subarray(offset, end), offset);
  }

  #entries(block: Uint8Array, at: number): [key: string, value: Uint8Array][] {
    if (block.length < 4) throw this.#corrupt("a block is too short", at);
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const restarts = view.getUint32(block.length - 4, true);
    const end = block.length - 4 - restarts * 4;
    if (end < 0) throw this.#corrupt(`a block says ${restarts} restarts`, at);
    const cursor = new Cursor(block.subarray(0, end), at, this.#label);
    const entries: [string, Uint8Array][] = [];
    let key = "";
    while (!cursor.done) {
      const shared = cursor.varint();
      const unshared = cursor.varint();
      const length = cursor.varint();
      if (shared > key.length || shared + unshared > maxKeyBytes) {
        throw this.#corrupt(`a key takes ${shared} bytes of one of ${key.length}`, at + cursor.at);
      }
      key = key.slice(0, shared) + byteString(cursor.take(unshared));
      entries.push([key, cursor.take(length)]);
    }
    return entries;
  }

  #corrupt(problem: string, offset: number): FlotillaError {
    return new FlotillaError("FORMAT_CORRUPT", `${this.#label}: ${problem} (byte ${offset}).`, { details: { offset } });
  }
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #label: string;
  at = 0;

  constructor(bytes: Uint8Array, base: number, label: string) {
    this.#bytes = bytes;
    this.#base = base;
    this.#label = label;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** Up to 2^53; more no file has. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 50; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw this.#truncated();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.#truncated();
  }

  take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) throw this.#truncated();
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  #truncated(): FlotillaError {
    const offset = this.#base + this.at;
    return new FlotillaError("FORMAT_CORRUPT", `${this.#label}: an entry runs past its end (byte ${offset}).`, {
      details: { offset },
    });
  }
}

/** One character a byte. */
export function byteString(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
