/**
 * Links of an old-style group: a version 1 B-tree of symbol tables, names in a local heap.
 * Rules: specification III.A.1 (B-tree), III.B (symbol table node), III.D (local heap).
 */
import { decodeText } from "./cursor.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";
import type { Link } from "./link.ts";

export function readSymbolTable(file: Hdf5File, tree: number, heap: number): Link[] {
  const names = readLocalHeap(file, heap);
  const links: Link[] = [];
  const seen = new Set<number>();
  const visit = (address: number, parentLevel: number): void => {
    if (seen.has(address)) throw file.fault("FORMAT_CORRUPT", "a group's tree leads back into itself", address);
    seen.add(address);
    const { level, children } = readTreeNode(file, address);
    if (level >= parentLevel) throw file.fault("FORMAT_CORRUPT", "the levels of a group's tree do not fall", address);
    for (const child of children) {
      if (level > 0) visit(child, level);
      else readNode(file, child, names, links);
    }
  };
  visit(tree, hdf5Limits.depth);
  return links;
}

function readTreeNode(file: Hdf5File, address: number): { level: number; children: number[] } {
  const what = "a node of a group's tree";
  const headBytes = 8 + 2 * file.offsetBytes;
  const head = file.structure("TREE", address, headBytes, what);
  const type = head.u8();
  const level = head.u8();
  const entries = head.u16();
  if (type !== 0) throw head.fault("FORMAT_CORRUPT", `is of type ${type}`);
  const cursor = file.at(address + headBytes, entries * (file.lengthBytes + file.offsetBytes), what);
  const children = Array.from({ length: entries }, () => {
    cursor.skip(file.lengthBytes);
    return cursor.requiredAddress();
  });
  return { level, children };
}

function readNode(file: Hdf5File, address: number, names: Uint8Array, links: Link[]): void {
  const what = "a symbol table";
  const head = file.structure("SNOD", address, 8, what);
  head.skip(2);
  const symbols = head.u16();
  const cursor = file.at(address + 8, symbols * (2 * file.offsetBytes + 24), what);
  for (let at = 0; at < symbols; at++) {
    const nameAt = cursor.uint(file.offsetBytes);
    const target = cursor.optionalAddress();
    const cached = cursor.u32();
    cursor.skip(20);
    const end = names.indexOf(0, nameAt);
    if (nameAt >= names.byteLength || end < 0) throw cursor.fault("FORMAT_CORRUPT", "names a link outside its heap");
    const name = decodeText(names.subarray(nameAt, end));
    if (cached === 2) links.push({ kind: "soft", name });
    else if (target !== undefined) links.push({ kind: "hard", name, address: target });
    else throw cursor.fault("FORMAT_CORRUPT", `holds a link "${name}" that leads nowhere`);
    if (links.length > hdf5Limits.entries) throw cursor.fault("FORMAT_LIMIT", "holds too many links");
  }
}

function readLocalHeap(file: Hdf5File, address: number): Uint8Array {
  const head = file.structure("HEAP", address, 8 + 2 * file.lengthBytes + file.offsetBytes, "a local heap");
  head.skip(4);
  const size = head.length();
  head.skip(file.lengthBytes); // the list of free blocks
  return file.at(head.requiredAddress(), size, "a local heap").bytes(size);
}
