/**
 * A constant whose bytes are computed when they are asked for. The ones asked for last are kept, up to a bound for all
 * together, so that a model that is rewritten takes the memory of what is looked at and not of all its weights.
 * (No weak references: they keep their target until the running job ends, and a whole conversion may be one job.)
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Constant } from "./graph.ts";

const keptBytes = 48 * 2 ** 20;
/** In the order in which they were asked for, the oldest first. */
const kept = new Map<object, Uint8Array>();
let keptSum = 0;

/** `compute` must be pure: it may be called any number of times. */
export function lazyConstant(byteLength: number, compute: () => Uint8Array): Constant {
  const constant: Constant = {
    byteLength,
    bytes: () => {
      const held = kept.get(constant);
      if (held) {
        kept.delete(constant);
        kept.set(constant, held);
        return held;
      }
      const bytes = compute();
      if (bytes.byteLength !== byteLength) {
        throw new FlotillaError("GRAPH_INVALID", `A constant of ${byteLength} bytes came out as ${bytes.byteLength}.`);
      }
      keep(constant, bytes);
      return bytes;
    },
  };
  return constant;
}

function keep(constant: Constant, bytes: Uint8Array): void {
  if (bytes.byteLength > keptBytes) return;
  for (const [oldest, held] of kept) {
    if (keptSum + bytes.byteLength <= keptBytes) break;
    kept.delete(oldest);
    keptSum -= held.byteLength;
  }
  kept.set(constant, bytes);
  keptSum += bytes.byteLength;
}
