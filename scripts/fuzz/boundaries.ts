/**
 * Where the parts of a file begin and end, so that it can be cut off at each: fields of protobuf, tokens of JSON, headers
 * of archives, what the offsets of flatbuffers and HDF5 point at. Rather too many than too few: a number that happens to
 * be a place in the file counts as an offset.
 */
import { isHdf5 } from "./mutate.ts";
import { parseProtobuf, placesOf } from "./protobuf-tree.ts";
import { isZip } from "./rewrap.ts";

/** Files so small are cut at every byte. */
const smallBytes = 512;
/** Raw weights have no inner boundaries. */
const ofRawBytes = [0, 1, 0.5, -1] as const;

/** Lengths to cut the file to, ascending. */
export function boundariesOf(bytes: Uint8Array): readonly number[] {
  const found = bytes.length <= smallBytes ? Array.from(bytes, (_, at) => at) : boundariesByFormat(bytes);
  return [...new Set(found)].filter((at) => at >= 0 && at < bytes.length).sort((a, b) => a - b);
}

function boundariesByFormat(bytes: Uint8Array): readonly number[] {
  if (bytes[0] === 0x7b) return tokenEnds(bytes);
  if (isZip(bytes)) return signatures(bytes, /PK\p{Cc}\p{Cc}/gu, [0, 4, 14, 26, 30, 42, 46]);
  if (isHdf5(bytes)) {
    const marks = /TREE|SNOD|HEAP|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD|BTIN|BTLF|GCOL|FAHD|FADB|EAHD|EAIB|EASB|EADB/g;
    return [...targets(bytes, 1, (view, at) => [Number(view.getBigUint64(at, true))]), ...signatures(bytes, marks, [0, 4, 8])];
  } // biome-ignore format: one list
  const isFlatbuffer = bytes[4] === 0x54 && bytes[5] === 0x46 && bytes[6] === 0x4c;
  if (isFlatbuffer)
    return targets(bytes, 4, (view, at) => [at + view.getUint32(at, true), at - view.getInt32(at, true)]);
  const fields = parseProtobuf(bytes);
  if (fields) return placesOf(fields).flatMap(({ field }) => [field.at, field.payloadAt]);
  return ofRawBytes.map((part) => (part < 0 ? bytes.length + part : part < 1 ? Math.floor(bytes.length * part) : part));
}

function tokenEnds(bytes: Uint8Array): readonly number[] {
  const text = new TextDecoder("latin1").decode(bytes);
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"|[-\w.+]+|[[\]{},:]/g)].map(({ index, 0: token }) => index + token.length);
}

function signatures(bytes: Uint8Array, pattern: RegExp, behind: readonly number[]): readonly number[] {
  const text = new TextDecoder("latin1").decode(bytes);
  return [...text.matchAll(pattern)].flatMap(({ index }) => behind.map((offset) => index + offset));
}

function targets(bytes: Uint8Array, step: number, of: (view: DataView, at: number) => readonly number[]): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += step) found.push(...of(view, at));
  return found;
} // biome-ignore format: one line of parameters
