/**
 * A constant whose bytes are computed when they are asked for. The ones asked for last are kept, up to a bound for all
 * together, so that a model that is rewritten takes the memory of what is looked at and not of all its weights.
 * (No weak references: they keep their target until the running job ends, and a whole conversion may be one job.)
 * What is kept outlives its model until others take its place, so nothing kept leads to a model, and nothing is free.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Constant } from "./graph.ts";

const keptBytes = 48 * 2 ** 20;
/** What an entry takes beside its bytes: key, array and buffer (measured: 480 bytes on Node 24). */
const entryBytes = 512;
/** By a key that is nothing else: a constant holds its reader, and with it the file. The oldest first, as asked for. */
const kept = new Map<object, Uint8Array>();
let keptSum = 0;

/** `compute` must be pure: it may be called any number of times. */
export function lazyConstant(byteLength: number, compute: () => Uint8Array): Constant {
  const key = {};
  return {
    byteLength,
    bytes: () => {
      const held = kept.get(key);
      if (held) {
        kept.delete(key);
        kept.set(key, held);
        return held;
      }
      const bytes = compute();
      if (bytes.byteLength !== byteLength) {
        throw new FlotillaError("GRAPH_INVALID", `A constant of ${byteLength} bytes came out as ${bytes.byteLength}.`);
      }
      keep(key, bytes);
      return bytes;
    },
  };
}

/** A view is not kept: it would hold the whole behind it, and costs nothing to make again. */
function keep(key: object, bytes: Uint8Array): void {
  const cost = bytes.byteLength + entryBytes;
  if (cost > keptBytes || bytes.byteLength < bytes.buffer.byteLength) return;
  for (const [oldest, held] of kept) {
    if (keptSum + cost <= keptBytes) break;
    kept.delete(oldest);
    keptSum -= held.byteLength + entryBytes;
  }
  kept.set(key, bytes);
  keptSum += cost;
}
