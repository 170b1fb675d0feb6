/** Parses root metadata (TUF specification §4.3): the keys and thresholds of the four top-level roles. */
import { fieldOf, readBoolean, readKeys, readObject, readRoleKeys } from "./fields.ts";
import type { Metadata, Root } from "./metadata.ts";
import { parseMetadata } from "./parse-envelope.ts";

/** @throws INTEGRITY_METADATA if the bytes are not well-formed root metadata */
export function parseRoot(bytes: Uint8Array): Metadata<Root> {
  return parseMetadata(bytes, "root", (signed, head) => {
    const roles = readObject(signed, "roles", "root");
    const keysOf = (role: string) => readRoleKeys(readObject(roles, role, "root.roles"), `root.roles.${role}`);
    return {
      type: "root",
      ...head,
      consistentSnapshot:
        fieldOf(signed, "consistent_snapshot") === undefined
          ? false
          : readBoolean(signed, "consistent_snapshot", "root"),
      keys: readKeys(signed, "root"),
      roles: {
        root: keysOf("root"),
        timestamp: keysOf("timestamp"),
        snapshot: keysOf("snapshot"),
        targets: keysOf("targets"),
      },
    };
  });
}
