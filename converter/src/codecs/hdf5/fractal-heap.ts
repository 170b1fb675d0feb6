/**
 * Objects of a fractal heap: links of large new-style groups, attributes of objects that have many.
 * Rules: specification III.G. Heaps with filters are refused: nothing writes one unless told to.
 */
import { bytesFor, readRecords } from "./btree-v2.ts";
import type { Cursor } from "./cursor.ts";
import type { Hdf5File } from "./hdf5-file.ts";

const hugeObjectRecords = 1;

export class FractalHeap {
  readonly #file: Hdf5File;
  readonly #offsetBytes: number;
  readonly #objectLengthBytes: number;
  readonly #width: number;
  readonly #startBlockBytes: number;
  readonly #largestDirectBytes: number;
  readonly #idBytes: number;
  readonly #hugeIndex: number | undefined;
  readonly #root: number | undefined;
  readonly #rootRows: number;
  #huge: ReadonlyMap<number, { address: number; length: number }> | undefined;

  constructor(file: Hdf5File, address: number) {
    this.#file = file;
    const { offsetBytes: o, lengthBytes: l } = file;
    const head = file.structure("FRHP", address, 22 + 12 * l + 3 * o, "the header of a fractal heap");
    head.skip(1);
    this.#idBytes = head.u16();
    const filterBytes = head.u16();
    if (filterBytes > 0) throw head.fault("UNSUPPORTED_FORMAT", "says that its blocks are packed by filters");
    head.skip(1);
    const largestManaged = head.u32();
    head.skip(l);
    this.#hugeIndex = head.optionalAddress();
    head.skip(l);
    head.optionalAddress();
    head.skip(8 * l);
    this.#width = head.u16();
    this.#startBlockBytes = head.length();
    this.#largestDirectBytes = head.length();
    const heapBits = head.u16();
    head.skip(2);
    this.#root = head.optionalAddress();
    this.#rootRows = head.u16();
    const powers = [this.#width, this.#startBlockBytes, this.#largestDirectBytes].every(isPowerOfTwo);
    if (!powers || heapBits > 64 || this.#startBlockBytes > this.#largestDirectBytes) {
      throw head.fault("FORMAT_CORRUPT", "has sizes that are no powers of two");
    }
    this.#offsetBytes = Math.ceil(heapBits / 8);
    this.#objectLengthBytes = bytesFor(Math.min(this.#largestDirectBytes, largestManaged));
  }

  /** Reads an object's id, as it stands in a record, and gives the object. */
  object(id: Cursor): Cursor {
    const part = id.part(this.#idBytes, "an id of a fractal heap");
    const kind = (part.u8() >> 4) & 3;
    if (kind === 0) {
      const offset = part.uint(this.#offsetBytes);
      const length = part.uint(this.#objectLengthBytes);
      return this.#file.at(this.#locate(offset, length), length, "an object of a fractal heap");
    }
    if (kind === 1) return this.#hugeObject(part);
    throw part.fault("UNSUPPORTED_FORMAT", "holds an object within its id");
  }

  #hugeObject(id: Cursor): Cursor {
    const { offsetBytes, lengthBytes } = this.#file;
    const direct = id.left >= offsetBytes + lengthBytes;
    const found = direct
      ? { address: id.requiredAddress(), length: id.length() }
      : this.#hugeObjects().get(id.uint(Math.min(id.left, lengthBytes)));
    if (!found) throw id.fault("FORMAT_CORRUPT", "leads to an object that the heap does not have");
    return this.#file.at(found.address, found.length, "a huge object of a fractal heap");
  }

  #hugeObjects(): ReadonlyMap<number, { address: number; length: number }> {
    const index = this.#hugeIndex;
    this.#huge ??= new Map(
      (index === undefined ? [] : readRecords(this.#file, index, hugeObjectRecords)).map((record) => {
        const place = { address: record.requiredAddress(), length: record.length() };
        return [record.length(), place];
      }),
    );
    return this.#huge;
  }

  /** Where in the file an offset of the heap's own address space lies. */
  #locate(offset: number, length: number): number {
    let block = this.#root;
    let rows = this.#rootRows;
    let start = 0;
    if (block === undefined) throw this.#file.fault("FORMAT_CORRUPT", "a fractal heap has no blocks", 0);
    for (let depth = 0; rows > 0; depth++) {
      if (depth > 32) throw this.#file.fault("FORMAT_LIMIT", "a fractal heap is too deep", block);
      const child = this.#childOf(block, rows, offset - start);
      block = child.address;
      start += child.start;
      rows = child.rows;
      if (rows === 0 && offset - start + length > child.bytes) {
        throw this.#file.fault("FORMAT_CORRUPT", "an object leaves its block of a fractal heap", block);
      }
    }
    this.#file.structure("FHDB", block, 4, "a block of a fractal heap");
    if (this.#rootRows === 0 && offset + length > this.#startBlockBytes) {
      throw this.#file.fault("FORMAT_CORRUPT", "an object leaves its block of a fractal heap", block);
    }
    return block + offset - start;
  }

  /** The child of an indirect block that holds `offset`, counted from the block's start. `rows` of a direct child is 0. */
  #childOf(address: number, rows: number, offset: number) {
    const { offsetBytes } = this.#file;
    const directRows = Math.log2(this.#largestDirectBytes / this.#startBlockBytes) + 2;
    let start = 0;
    for (let row = 0; row < rows; row++) {
      const bytes = this.#startBlockBytes * 2 ** Math.max(row - 1, 0);
      if (offset < start + bytes * this.#width) {
        const column = Math.floor((offset - start) / bytes);
        const headBytes = 5 + offsetBytes + this.#offsetBytes;
        const entry = headBytes + (row * this.#width + column) * offsetBytes;
        this.#file.structure("FHIB", address, headBytes, "an indirect block of a fractal heap");
        const child = this.#file.at(address + entry, offsetBytes, "an indirect block of a fractal heap");
        const childRows = row < directRows ? 0 : Math.log2(bytes / (this.#startBlockBytes * this.#width)) + 1;
        return { address: child.requiredAddress(), start: start + column * bytes, bytes, rows: childRows };
      }
      start += bytes * this.#width;
    }
    throw this.#file.fault("FORMAT_CORRUPT", `a fractal heap has no byte ${offset}`, address);
  }
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));
