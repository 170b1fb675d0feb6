/**
 * Opens an HDF5 file for reading: our own reader, since a C library compiled to WebAssembly (h5wasm: 15 MB) can neither be
 * bounded in time nor in memory on a hostile file, and copies every tensor twice. Read is what h5py and Keras write:
 * superblocks 0 to 3, both kinds of groups and object headers, compact, contiguous and chunked datasets, three filters.
 * Rules: HDF5 File Format Specification 3.0. Lazy: an object is read when it is asked for, elements never before.
 */
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { Hdf5Attribute } from "./attribute.ts";
import { readRecords } from "./btree-v2.ts";
import { Hdf5Dataset } from "./dataset.ts";
import { FractalHeap } from "./fractal-heap.ts";
import { GlobalHeap } from "./global-heap.ts";
import { Hdf5Group, type Hdf5Object } from "./group.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";
import { decodeLink, type Link } from "./link.ts";
import { type HeaderMessage, messageTypes, readObjectHeader } from "./object-header.ts";
import { readSuperblock } from "./superblock.ts";
import { readSymbolTable } from "./symbol-table.ts";

/** Types of records in the indices of fractal heaps (specification III.A.2). */
const linkNameRecords = 5;
const attributeNameRecords = 8;

/** The root group. @throws FORMAT_UNRECOGNIZED, FORMAT_*, UNSUPPORTED_FORMAT */
export function openHdf5(access: RandomAccess): Hdf5Group {
  const { file, root } = readSuperblock(access);
  const opened = new Opener(file).open(root, "/");
  if (opened.kind === "group") return opened;
  throw file.fault("FORMAT_CORRUPT", "the root is no group", root);
}

class Opener {
  readonly #file: Hdf5File;
  readonly #heap: GlobalHeap;
  readonly #opened = new Map<string, Hdf5Object>();

  constructor(file: Hdf5File) {
    this.#file = file;
    this.#heap = new GlobalHeap(file);
  }

  /** Paths bound the recursion of whoever walks: a group that holds itself gets deeper and deeper, and ends here. */
  open(address: number, path: string): Hdf5Object {
    const known = this.#opened.get(path);
    if (known) return known;
    if (path.split("/").length > hdf5Limits.depth) {
      throw this.#file.fault("FORMAT_LIMIT", `${path.slice(0, 200)}… lies too deep: a group within itself?`, address);
    }
    const messages = readObjectHeader(this.#file, address);
    const isDataset = messages.some(({ type }) => type === messageTypes.layout);
    const object = isDataset ? new Hdf5Dataset(this.#file, path, messages) : this.#group(path, messages);
    this.#opened.set(path, object);
    return object;
  }

  #group(path: string, messages: readonly HeaderMessage[]): Hdf5Group {
    const open = (address: number, below: string) => this.open(address, below);
    return new Hdf5Group(this.#file, path, this.#attributes(path, messages), this.#links(path, messages), open);
  }

  #links(path: string, messages: readonly HeaderMessage[]): Link[] {
    const links: Link[] = [];
    for (const message of messages) {
      if (message.type === messageTypes.symbolTable) {
        const body = message.body(`the symbol table of ${path}`);
        links.push(...readSymbolTable(this.#file, body.requiredAddress(), body.requiredAddress()));
      } else if (message.type === messageTypes.link) {
        links.push(decodeLink(message.body(`a link of ${path}`)));
      } else if (message.type === messageTypes.linkInfo) {
        links.push(...this.#denseLinks(path, message));
      }
    }
    return links;
  }

  #denseLinks(path: string, message: HeaderMessage): Link[] {
    const body = message.body(`the links of ${path}`);
    body.skip(1);
    if (body.u8() & 1) body.skip(8);
    const heapAddress = body.optionalAddress();
    const index = body.optionalAddress();
    if (heapAddress === undefined || index === undefined) return [];
    const heap = new FractalHeap(this.#file, heapAddress);
    return readRecords(this.#file, index, linkNameRecords).map((record) => {
      record.skip(4); // the name's hash
      return decodeLink(heap.object(record));
    });
  }

  #attributes(path: string, messages: readonly HeaderMessage[]): ReadonlyMap<string, Hdf5Attribute> {
    const attributes: Hdf5Attribute[] = [];
    for (const message of messages) {
      const what = `an attribute of ${path}`;
      if (message.type === messageTypes.attribute) {
        if (message.shared) throw this.#file.fault("UNSUPPORTED_FORMAT", `${path} shares an attribute`, 0);
        attributes.push(Hdf5Attribute.decode(message.body(what), this.#heap));
      } else if (message.type === messageTypes.attributeInfo) {
        attributes.push(...this.#denseAttributes(path, message));
      }
    }
    return new Map(attributes.map((attribute) => [attribute.name, attribute]));
  }

  #denseAttributes(path: string, message: HeaderMessage): Hdf5Attribute[] {
    const body = message.body(`the attributes of ${path}`);
    body.skip(1);
    if (body.u8() & 1) body.skip(2);
    const heapAddress = body.optionalAddress();
    const index = body.optionalAddress();
    if (heapAddress === undefined || index === undefined) return [];
    const heap = new FractalHeap(this.#file, heapAddress);
    return readRecords(this.#file, index, attributeNameRecords).map((record) =>
      Hdf5Attribute.decode(heap.object(record), this.#heap),
    );
  }
}
