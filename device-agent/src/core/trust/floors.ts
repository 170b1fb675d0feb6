/**
 * The floors record: the highest metadata versions that this device has trusted, so that losing a metadata file does
 * not lose the protection against rollback. Kept twice (`floors.a`, `floors.b`), each with a sequence and a checksum.
 * It also remembers WHOSE versions they are: when root names other timestamp or snapshot keys, the versions are void
 * (TUF specification 5.3.11), and that holds even if the device loses power between taking the root and acting on it.
 */
import { canonicalJsonText } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { isJsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { Root } from "@flotilla/protocol/tuf/metadata";
import type { Baseline } from "./verify-metadata.ts";

/** The names of the two copies; not `.json`, because other tools take every such file for metadata. */
export const floorsFileNames = ["floors.a", "floors.b"] as const;

export interface Floors extends Baseline {
  /** Raised with every write; of two sound copies the higher is the newer. */
  readonly sequence: number;
  readonly rootVersion: number;
  /** Fingerprint of the timestamp and snapshot keys under which the versions were seen. */
  readonly onlineKeys: string;
}

/** No floors at all: a device that has never refreshed. */
export const noFloors: Floors = Object.freeze({
  sequence: 0,
  rootVersion: 0,
  onlineKeys: "",
  timestampVersion: 0,
  snapshotVersion: 0,
  roleVersions: new Map<string, number>(),
});

/** Identifies the keys that root gives to timestamp and snapshot; changes when either set does. */
export function onlineKeysOf(root: Root): string {
  const { timestamp, snapshot } = root.roles;
  const text = canonicalJsonText([[...timestamp.keyids].sort(), [...snapshot.keyids].sort()]);
  return sha256Hex(new TextEncoder().encode(text));
}

/** A copy as bytes: the checksum of the rest, a line feed, the record. */
export function encodeFloors(floors: Floors): Uint8Array {
  const encoder = new TextEncoder();
  const text = canonicalJsonText({
    type: "flotilla/trust-floors",
    version: 1,
    sequence: floors.sequence,
    rootVersion: floors.rootVersion,
    onlineKeys: floors.onlineKeys,
    timestampVersion: floors.timestampVersion,
    snapshotVersion: floors.snapshotVersion,
    roleVersions: Object.fromEntries(floors.roleVersions),
  });
  return encoder.encode(`${sha256Hex(encoder.encode(text))}\n${text}`);
}

/** Reads a copy; null for anything torn, changed or of another version. */
export function decodeFloors(bytes: Uint8Array): Floors | null {
  const body = bytes.subarray(65);
  if (bytes[64] !== 0x0a) return null;
  let record: JsonValue;
  try {
    if (new TextDecoder().decode(bytes.subarray(0, 64)) !== sha256Hex(body)) return null;
    record = parseStrictJson(body);
  } catch {
    return null; // torn or foreign; the other copy decides
  }
  if (!isJsonObject(record) || record.type !== "flotilla/trust-floors" || record.version !== 1) return null;
  const { sequence, rootVersion, onlineKeys, timestampVersion, snapshotVersion, roleVersions } = record;
  if (!isCount(sequence) || !isCount(rootVersion) || !isCount(timestampVersion) || !isCount(snapshotVersion))
    return null;
  if (typeof onlineKeys !== "string" || !isJsonObject(roleVersions)) return null;
  const versions = new Map<string, number>();
  for (const [role, version] of Object.entries(roleVersions)) {
    if (!isCount(version)) return null;
    versions.set(role, version);
  }
  return { sequence, rootVersion, onlineKeys, timestampVersion, snapshotVersion, roleVersions: versions };
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The stricter of two baselines, number by number. */
export function strictest(a: Baseline, b: Baseline): Baseline {
  const roleVersions = new Map(a.roleVersions);
  for (const [role, version] of b.roleVersions) {
    roleVersions.set(role, Math.max(version, roleVersions.get(role) ?? 0));
  }
  return {
    timestampVersion: Math.max(a.timestampVersion, b.timestampVersion),
    snapshotVersion: Math.max(a.snapshotVersion, b.snapshotVersion),
    roleVersions,
  };
}
