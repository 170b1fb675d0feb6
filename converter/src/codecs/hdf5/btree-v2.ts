/**
 * Records of a version 2 B-tree, in order: the index of what lies in a fractal heap.
 * Rules: specification III.A.2; the widths of the counts in internal nodes follow from how many records fit into a node.
 */
import type { Cursor } from "./cursor.ts";
import { type Hdf5File, hdf5Limits } from "./hdf5-file.ts";

const nodePrefixBytes = 10; // signature, version, type, and the checksum behind the records

/** Every record of the tree whose header is at `address`; its type must be `type`. */
export function readRecords(file: Hdf5File, address: number, type: number): Cursor[] {
  const what = "the header of an index";
  const head = file.structure("BTHD", address, 16 + file.offsetBytes + 2 + file.lengthBytes, what);
  head.skip(1);
  const found = head.u8();
  const nodeBytes = head.u32();
  const recordBytes = head.u16();
  const depth = head.u16();
  head.skip(2);
  const root = head.optionalAddress();
  const rootRecords = head.u16();
  const total = head.length();
  if (found !== type) throw head.fault("FORMAT_CORRUPT", `is of type ${found}, not ${type}`);
  if (depth > hdf5Limits.depth || total > hdf5Limits.entries) {
    throw head.fault("FORMAT_LIMIT", `announces ${total} records on ${depth} levels`);
  }
  if (recordBytes === 0 || nodeBytes <= nodePrefixBytes + recordBytes) {
    throw head.fault("FORMAT_CORRUPT", `has nodes of ${nodeBytes} bytes for records of ${recordBytes}`);
  }
  if (root === undefined) return [];
  const pointers = pointerWidths(file, nodeBytes, recordBytes, depth);
  const records: Cursor[] = [];
  const seen = new Set<number>();
  const visit = (node: number, count: number, level: number): void => {
    if (seen.has(node)) throw file.fault("FORMAT_CORRUPT", "an index leads back into itself", node);
    seen.add(node);
    const cursor = file.structure(level > 0 ? "BTIN" : "BTLF", node, nodeBytes, "a node of an index");
    cursor.skip(2);
    for (let at = 0; at < count; at++) records.push(cursor.part(recordBytes, "a record of an index"));
    if (records.length > total) throw cursor.fault("FORMAT_CORRUPT", `holds more than the announced ${total} records`);
    if (level === 0) return;
    const { count: countBytes, total: totalBytes } = pointers[level - 1]!;
    for (let at = 0; at <= count; at++) {
      const child = cursor.requiredAddress();
      const childRecords = cursor.uint(countBytes);
      cursor.skip(totalBytes);
      visit(child, childRecords, level - 1);
    }
  };
  visit(root, rootRecords, depth);
  if (records.length !== total) {
    throw file.fault("FORMAT_CORRUPT", `an index announces ${total} records and has ${records.length}`, address);
  }
  return records;
}

/** By level of the node pointed to: bytes of "records in it" and of "records in it and below". */
function pointerWidths(file: Hdf5File, nodeBytes: number, recordBytes: number, depth: number) {
  let most = Math.floor((nodeBytes - nodePrefixBytes) / recordBytes);
  let cumulative = most;
  const count = bytesFor(most); // that of leaves serves on every level
  const widths = [{ count, total: 0 }];
  for (let level = 1; level < depth; level++) {
    const pointer = file.offsetBytes + count + (widths[level - 1]?.total ?? 0);
    most = Math.floor((nodeBytes - nodePrefixBytes - pointer) / (recordBytes + pointer));
    cumulative = (most + 1) * cumulative + most;
    widths.push({ count, total: bytesFor(cumulative) });
  }
  return widths;
}

/** Bytes that a number up to `largest` takes. */
export const bytesFor = (largest: number): number => Math.floor(Math.log2(Math.max(largest, 1)) / 8) + 1;
