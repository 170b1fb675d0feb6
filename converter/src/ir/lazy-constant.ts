/**
 * A constant whose bytes are computed when they are asked for and may be dropped again between uses,
 * so that a rewritten weight takes memory only while somebody looks at it.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Constant } from "./graph.ts";

/** `compute` must be pure: it may be called any number of times. */
export function lazyConstant(byteLength: number, compute: () => Uint8Array): Constant {
  let held: WeakRef<Uint8Array> | undefined;
  return {
    byteLength,
    bytes: () => {
      const kept = held?.deref();
      if (kept) return kept;
      const bytes = compute();
      if (bytes.byteLength !== byteLength) {
        throw new FlotillaError("GRAPH_INVALID", `A constant of ${byteLength} bytes came out as ${bytes.byteLength}.`);
      }
      held = new WeakRef(bytes);
      return bytes;
    },
  };
}
