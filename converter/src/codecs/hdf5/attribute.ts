/** Attributes of HDF5 objects, versions 1 to 3. Rules: specification IV.A.2.m. Values are decoded when asked for. */
import type { FlotillaError } from "@flotilla/protocol/errors";
import { type Cursor, decodeText } from "./cursor.ts";
import { boundedElements, decodeDataspace } from "./dataspace.ts";
import { decodeDatatype, type Hdf5Type } from "./datatype.ts";
import type { GlobalHeap } from "./global-heap.ts";

export class Hdf5Attribute {
  readonly name: string;
  readonly type: Hdf5Type;
  /** [] for one value. */
  readonly shape: readonly number[];
  readonly #elements: number;
  readonly #values: Cursor;
  readonly #heap: GlobalHeap;
  #texts: readonly string[] | undefined;

  private constructor(
    facts: { name: string; type: Hdf5Type; shape: readonly number[]; elements: number },
    values: Cursor,
    heap: GlobalHeap,
  ) {
    this.name = facts.name;
    this.type = facts.type;
    this.shape = facts.shape;
    this.#elements = facts.elements;
    this.#values = values;
    this.#heap = heap;
  }

  static decode(cursor: Cursor, heap: GlobalHeap): Hdf5Attribute {
    const version = cursor.u8();
    if (version < 1 || version > 3) throw cursor.fault("FORMAT_CORRUPT", `is of version ${version}`);
    const flags = cursor.u8();
    const [nameBytes, typeBytes, spaceBytes] = [cursor.u16(), cursor.u16(), cursor.u16()];
    if (version === 3) cursor.skip(1); // ASCII or UTF-8
    const padding = (bytes: number): number => (version === 1 ? -bytes & 7 : 0);
    const part = (bytes: number, what: string): Cursor => {
      const made = cursor.part(bytes, what);
      cursor.skip(padding(bytes));
      return made;
    };
    const name = part(nameBytes, "an attribute's name").textToNul();
    const datatype = part(typeBytes, `the datatype of the attribute "${name}"`);
    const dataspace = part(spaceBytes, `the shape of the attribute "${name}"`);
    const type: Hdf5Type =
      version > 1 && flags & 1 ? { kind: "other", bytes: 1, what: "committed datatype" } : decodeDatatype(datatype);
    const shape = decodeDataspace(dataspace);
    const elements = shape === undefined || type.kind === "other" ? 0 : boundedElements(dataspace, shape, type.bytes);
    const values = cursor.part(elements * type.bytes, `the attribute "${name}"`);
    return new Hdf5Attribute({ name, type, shape: shape ?? [0], elements }, values, heap);
  }

  /** All values, row-major. @throws FORMAT_CORRUPT when it is no text, or what leads to it is broken */
  texts(): readonly string[] {
    this.#texts ??= this.#decodeTexts();
    return this.#texts;
  }

  /** The one value. @throws FORMAT_CORRUPT */
  text(): string {
    const [text] = this.texts();
    if (text !== undefined && this.#elements === 1) return text;
    throw this.#fault(`holds ${this.#elements} values, not one`);
  }

  #decodeTexts(): string[] {
    const cursor = this.#values.again();
    const { type } = this;
    if (this.#elements === 0) return []; // h5py writes an empty list as floats
    switch (type.kind) {
      case "text":
        return Array.from({ length: this.#elements }, () => {
          const bytes = cursor.bytes(type.bytes);
          let end = bytes.indexOf(0);
          if (end < 0) end = bytes.byteLength;
          return decodeText(bytes.subarray(0, end));
        });
      case "variable-text":
        return Array.from({ length: this.#elements }, () =>
          this.#heap.text(cursor.part(type.bytes, `the attribute "${this.name}"`)),
        );
      default:
        throw this.#fault("holds no text");
    }
  }

  #fault(problem: string): FlotillaError {
    return this.#values.fault("FORMAT_CORRUPT", problem);
  }
}
