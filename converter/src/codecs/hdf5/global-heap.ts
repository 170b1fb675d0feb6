/** Values of variable length, in collections of the global heap. Rules: specification III.E. */
import { type Cursor, decodeText } from "./cursor.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";

/** Reads each collection once. */
export class GlobalHeap {
  readonly #file: Hdf5File;
  readonly #collections = new Map<number, ReadonlyMap<number, Uint8Array>>();

  constructor(file: Hdf5File) {
    this.#file = file;
  }

  /** The text that one element of variable length leads to. */
  text(element: Cursor): string {
    const length = element.u32();
    const address = element.optionalAddress();
    const index = element.u32();
    if (length === 0 || address === undefined || address === 0) return "";
    const object = this.#collection(address).get(index);
    if (!object || object.byteLength < length) {
      throw element.fault("FORMAT_CORRUPT", `leads to object ${index} of a heap that has no such object`);
    }
    const text = object.subarray(0, length);
    const end = text.indexOf(0);
    return decodeText(end < 0 ? text : text.subarray(0, end));
  }

  #collection(address: number): ReadonlyMap<number, Uint8Array> {
    const known = this.#collections.get(address);
    if (known) return known;
    const what = "a collection of the global heap";
    const headBytes = 8 + this.#file.lengthBytes;
    const head = this.#file.structure("GCOL", address, headBytes, what);
    head.skip(4);
    const size = head.length();
    if (size < headBytes) throw head.fault("FORMAT_CORRUPT", `has ${size} bytes`);
    const cursor = this.#file.at(address, size, what);
    cursor.skip(headBytes);
    const objects = new Map<number, Uint8Array>();
    const objectHead = 8 + this.#file.lengthBytes;
    while (cursor.left >= objectHead && objects.size < hdf5Limits.entries) {
      const index = cursor.u16();
      cursor.skip(6);
      const bytes = cursor.length();
      if (index === 0) break; // what is left is free
      objects.set(index, cursor.bytes(bytes));
      cursor.skip(Math.min(-bytes & 7, cursor.left));
    }
    this.#collections.set(address, objects);
    return objects;
  }
}
