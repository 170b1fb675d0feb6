/** Parses snapshot metadata (TUF specification §4.4): the version of every targets role at one moment. */
import { malformed, readMetaFile, readObject } from "./fields.ts";
import type { Metadata, MetaFile, Snapshot } from "./metadata.ts";
import { parseMetadata } from "./parse-envelope.ts";

/** @throws INTEGRITY_METADATA if the bytes are not well-formed snapshot metadata */
export function parseSnapshot(bytes: Uint8Array): Metadata<Snapshot> {
  return parseMetadata(bytes, "snapshot", (signed, head) => {
    const meta = readObject(signed, "meta", "snapshot");
    const roles = new Map<string, MetaFile>();
    for (const fileName of Object.keys(meta)) {
      if (!fileName.endsWith(".json")) throw malformed("snapshot.meta", "names that end in .json", fileName);
      roles.set(fileName.slice(0, -".json".length), readMetaFile(meta, fileName, "snapshot.meta"));
    }
    if (!roles.has("targets")) throw malformed("snapshot.meta", "a list that holds targets.json");
    return { type: "snapshot", ...head, roles };
  });
}
