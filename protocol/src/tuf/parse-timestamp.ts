/** Parses timestamp metadata (TUF specification §4.6): which snapshot is current. */
import { readMetaFile, readObject } from "./fields.ts";
import type { Metadata, Timestamp } from "./metadata.ts";
import { parseMetadata } from "./parse-envelope.ts";

/** @throws INTEGRITY_METADATA if the bytes are not well-formed timestamp metadata */
export function parseTimestamp(bytes: Uint8Array): Metadata<Timestamp> {
  return parseMetadata(bytes, "timestamp", (signed, head) => ({
    type: "timestamp",
    ...head,
    snapshot: readMetaFile(readObject(signed, "meta", "timestamp"), "snapshot.json", "timestamp.meta"),
  }));
}
