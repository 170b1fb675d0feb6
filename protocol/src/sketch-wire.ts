/**
 * The protobuf form of a DDSketch (Datadog's DDSketch.proto): message DDSketch { IndexMapping mapping = 1;
 * Store positiveValues = 2; Store negativeValues = 3; double zeroCount = 4 }, IndexMapping { double gamma = 1;
 * double indexOffset = 2; enum interpolation = 3 }, Store { map<sint32, double> binCounts = 1;
 * repeated double contiguousBinCounts = 2 [packed]; sint32 contiguousBinIndexOffset = 3 }.
 * Only framing lives here; what counts as a legal sketch is sketch.ts's business.
 */
import { FlotillaError } from "./errors.ts";

export interface SketchWire {
  gamma: number;
  indexOffset: number;
  interpolation: number;
  zeros: number;
  hasNegative: boolean;
  bins: Map<number, number>;
}

/** Bins as one contiguous run from the lowest to the highest key: what every implementation reads. */
export function encodeSketchBytes(bins: ReadonlyMap<number, number>, zeros: number, gamma: number): Uint8Array {
  const keys = [...bins.keys()];
  const lowest = keys.length === 0 ? 0 : Math.min(...keys);
  const length = keys.length === 0 ? 0 : Math.max(...keys) - lowest + 1;
  const mapping = [0x09, ...double(gamma), 0x11, ...double(0)];
  const counts = new DataView(new ArrayBuffer(length * 8));
  for (const [key, count] of bins) counts.setFloat64((key - lowest) * 8, count, true);
  const countBytes = new Uint8Array(counts.buffer);
  const storeHead = length === 0 ? [] : [0x12, ...varint(countBytes.length)];
  const storeTail = length === 0 ? [] : [0x18, ...varint(lowest >= 0 ? lowest * 2 : -lowest * 2 - 1)];
  const storeLength = storeHead.length + countBytes.length + storeTail.length;
  const head = [0x0a, ...varint(mapping.length), ...mapping, 0x12, ...varint(storeLength), ...storeHead];
  const tail = [...storeTail, 0x1a, 0, 0x21, ...double(zeros)];
  const out = new Uint8Array(head.length + countBytes.length + tail.length);
  out.set(head, 0);
  out.set(countBytes, head.length);
  out.set(tail, head.length + countBytes.length);
  return out;
}

/** @throws FORMAT_TRUNCATED, FORMAT_CORRUPT. Reads are bounded by the bytes at hand; nothing is allocated by a declared size. */
export function parseSketchBytes(bytes: Uint8Array): SketchWire {
  const wire: SketchWire = {
    gamma: 0,
    indexOffset: 0,
    interpolation: 0,
    zeros: 0,
    hasNegative: false,
    bins: new Map(),
  };
  for (const field of fieldsOf(bytes)) {
    if (field.id === 1 && field.bytes !== null) readMapping(field.bytes, wire);
    else if (field.id === 2 && field.bytes !== null) readStore(field.bytes, wire.bins);
    else if (field.id === 3 && field.bytes !== null) {
      const negative = new Map<number, number>();
      readStore(field.bytes, negative);
      wire.hasNegative ||= [...negative.values()].some((count) => count !== 0);
    } else if (field.id === 4) wire.zeros = field.number;
  }
  return wire;
}

function readMapping(bytes: Uint8Array, wire: SketchWire): void {
  for (const field of fieldsOf(bytes)) {
    if (field.id === 1) wire.gamma = field.number;
    else if (field.id === 2) wire.indexOffset = field.number;
    else if (field.id === 3) wire.interpolation = field.number;
  }
}

function readStore(bytes: Uint8Array, bins: Map<number, number>): void {
  const add = (key: number, count: number): void => void bins.set(key, (bins.get(key) ?? 0) + count);
  const run: number[] = [];
  let offset = 0;
  for (const field of fieldsOf(bytes)) {
    if (field.id === 1 && field.bytes !== null) {
      let key = 0;
      let count = 0;
      for (const entry of fieldsOf(field.bytes)) {
        if (entry.id === 1) key = unzigzag(entry.number);
        else if (entry.id === 2) count = entry.number;
      }
      add(key, count);
    } else if (field.id === 2) {
      if (field.bytes === null) run.push(field.number);
      else {
        if (field.bytes.length % 8 !== 0) throw corrupt("a packed list of doubles has a length that 8 does not divide");
        const view = new DataView(field.bytes.buffer, field.bytes.byteOffset, field.bytes.byteLength);
        for (let at = 0; at < field.bytes.length; at += 8) run.push(view.getFloat64(at, true));
      }
    } else if (field.id === 3) offset = unzigzag(field.number);
  }
  run.forEach((count, index) => {
    if (count !== 0) add(offset + index, count);
  });
}

interface Field {
  readonly id: number;
  /** Varint or double; 0 for a length-delimited field. */
  readonly number: number;
  readonly bytes: Uint8Array | null;
}

function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new FlotillaError("FORMAT_TRUNCATED", "The sketch ends within a number.");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw corrupt("a number has more than five bytes");
  };
  const need = (length: number): void => {
    if (at + length > bytes.length) throw new FlotillaError("FORMAT_TRUNCATED", "The sketch ends within a field.");
  };
  while (at < bytes.length) {
    const tag = readVarint();
    const id = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { id, number: readVarint(), bytes: null };
        break;
      case 1: {
        need(8);
        const number = view.getFloat64(at, true);
        at += 8;
        yield { id, number, bytes: null };
        break;
      }
      case 2: {
        const length = readVarint();
        need(length);
        const part = bytes.subarray(at, at + length);
        at += length;
        yield { id, number: 0, bytes: part };
        break;
      }
      case 5:
        need(4);
        at += 4;
        break;
      default:
        throw corrupt(`wire type ${tag % 8}`);
    }
  }
}

const corrupt = (why: string): FlotillaError => new FlotillaError("FORMAT_CORRUPT", `Not a sketch: ${why}.`);

const unzigzag = (n: number): number => (n % 2 === 0 ? n / 2 : -(n + 1) / 2);

function double(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return [...new Uint8Array(view.buffer)];
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    out.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return out;
}
