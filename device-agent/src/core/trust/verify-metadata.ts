/**
 * The checks of the TUF client workflow (specification 1.0.34 §5.3–§5.6), pure: bytes and what is already trusted go in,
 * verified metadata comes out or INTEGRITY_* is thrown. Every check carries the number of the step that asks for it,
 * here and in the error's details, so that this file can be audited against the specification.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { assertFile } from "@flotilla/protocol/tuf/file-hashes";
import type { Metadata, MetaFile, Root, Snapshot, Targets, Timestamp } from "@flotilla/protocol/tuf/metadata";
import { parseRoot } from "@flotilla/protocol/tuf/parse-root";
import { parseSnapshot } from "@flotilla/protocol/tuf/parse-snapshot";
import { parseTargets } from "@flotilla/protocol/tuf/parse-targets";
import { parseTimestamp } from "@flotilla/protocol/tuf/parse-timestamp";
import { assertThreshold, type RoleAuthority, rootAuthority } from "@flotilla/protocol/tuf/threshold";

/** The versions below which nothing is accepted: from trusted local metadata and from the floors record. */
export interface Baseline {
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  /** By role name, `targets` among them. */
  readonly roleVersions: ReadonlyMap<string, number>;
}

/** 5.2: a root that is trusted by coming with the device or from its own store; only its own signatures are checked. */
export function verifyTrustedRoot(bytes: Uint8Array): Metadata<Root> {
  const root = parseRoot(bytes);
  assertThreshold(root, rootAuthority(root.signed, "root"), "5.2");
  return root;
}

/** 5.3.4 and 5.3.5: the root that follows `current`. */
export function verifyNextRoot(bytes: Uint8Array, current: Metadata<Root>): Metadata<Root> {
  const next = parseRoot(bytes);
  // 5.3.4: arbitrary software attack. Signed by a threshold of the old keys and of its own.
  assertThreshold(next, rootAuthority(current.signed, "root"), "5.3.4");
  assertThreshold(next, rootAuthority(next.signed, "root"), "5.3.4");
  // 5.3.5: rollback attack. Exactly the next version.
  assertVersion("root", next.signed.version, current.signed.version + 1, "5.3.5");
  return next;
}

/**
 * 5.4.2 and 5.4.3: the timestamp to go on with. Its expiry is for the caller, see {@link assertFresh}.
 * @param held the trusted timestamp, if there is one; returned when the version has not changed
 */
export function verifyTimestamp(
  bytes: Uint8Array,
  root: Root,
  baseline: Baseline,
  held: Metadata<Timestamp> | null,
): Metadata<Timestamp> {
  const timestamp = parseTimestamp(bytes);
  // 5.4.2: arbitrary software attack.
  assertThreshold(timestamp, rootAuthority(root, "timestamp"), "5.4.2");
  // 5.4.3.1: rollback attack on the timestamp itself; an equal version is no update, whatever it says.
  assertNotBelow("timestamp", timestamp.signed.version, baseline.timestampVersion, "5.4.3.1");
  if (held !== null && timestamp.signed.version === held.signed.version) return held;
  // 5.4.3.2: rollback attack on the snapshot.
  assertNotBelow("snapshot", timestamp.signed.snapshot.version, baseline.snapshotVersion, "5.4.3.2");
  return timestamp;
}

/** 5.5.2 to 5.5.5: the snapshot that the timestamp names, with no role lost or set back. */
export function verifySnapshot(
  bytes: Uint8Array,
  root: Root,
  timestamp: Timestamp,
  baseline: Baseline,
): Metadata<Snapshot> {
  // 5.5.2: length and digests, where the timestamp gives them.
  assertFile(bytes, timestamp.snapshot, "snapshot.json", "5.5.2");
  const snapshot = verifyStoredSnapshot(bytes, root);
  // 5.5.4: mix-and-match attack.
  assertVersion("snapshot", snapshot.signed.version, timestamp.snapshot.version, "5.5.4");
  // 5.5.5: rollback attack on any targets role.
  for (const [role, version] of baseline.roleVersions) {
    assertNotBelow(role, snapshot.signed.roles.get(role)?.version ?? 0, version, "5.5.5");
  }
  return snapshot;
}

/** 5.5.3 alone: a snapshot from the device's own store, good as a baseline even where it is no longer current. */
export function verifyStoredSnapshot(bytes: Uint8Array, root: Root): Metadata<Snapshot> {
  const snapshot = parseSnapshot(bytes);
  // 5.5.3: arbitrary software attack.
  assertThreshold(snapshot, rootAuthority(root, "snapshot"), "5.5.3");
  return snapshot;
}

/** 5.6.2 to 5.6.5: targets metadata, top-level or delegated, as the snapshot names it and signed as `by` says. */
export function verifyTargets(
  bytes: Uint8Array,
  by: RoleAuthority,
  snapshot: Snapshot,
  startMs: number,
): Metadata<Targets> {
  const listed = listedRole(snapshot, by.role);
  // 5.6.2: length and digests, where the snapshot gives them.
  assertFile(bytes, listed, `${by.role}.json`, "5.6.2");
  const targets = parseTargets(bytes);
  // 5.6.3: arbitrary software attack. The keys are those of the role that delegates NOW, also for a cached file.
  assertThreshold(targets, by, "5.6.3");
  // 5.6.4: mix-and-match attack.
  assertVersion(by.role, targets.signed.version, listed.version, "5.6.4");
  // 5.6.5: freeze attack.
  assertFresh(targets, by.role, startMs, "5.6.5");
  return targets;
}

/** What the snapshot says of a role; a role that it does not list is not fetched at all. */
export function listedRole(snapshot: Snapshot, role: string): MetaFile {
  const listed = snapshot.roles.get(role);
  if (listed !== undefined) return listed;
  throw new FlotillaError("INTEGRITY_METADATA", `The snapshot does not list the role ${JSON.stringify(role)}.`, {
    details: { step: "5.6.1", role },
  });
}

/** Freeze attack (5.3.10, 5.4.4, 5.5.6, 5.6.5): the metadata must expire after the start of this refresh. */
export function assertFresh(
  metadata: Metadata<{ readonly expiresMs: number }>,
  role: string,
  startMs: number,
  step: string,
): void {
  const { expiresMs } = metadata.signed;
  if (expiresMs > startMs) return;
  throw new FlotillaError(
    "INTEGRITY_EXPIRED",
    `The ${role} metadata expired at ${new Date(expiresMs).toISOString()}; the device's clock says ${new Date(startMs).toISOString()}.`,
    { details: { step, role, expiresMs, startMs } },
  );
}

function assertVersion(role: string, found: number, expected: number, step: string): void {
  if (found === expected) return;
  const code = found < expected ? "INTEGRITY_ROLLBACK" : "INTEGRITY_METADATA";
  throw new FlotillaError(code, `The ${role} metadata has version ${found}, expected ${expected}.`, {
    details: { step, role, found, expected },
  });
}

/** @throws INTEGRITY_ROLLBACK if a version is below what this device has already trusted; 0 stands for "gone" */
export function assertNotBelow(role: string, found: number, floor: number, step: string): void {
  if (found >= floor) return;
  const what = found === 0 ? "is gone" : `went back to version ${found}`;
  throw new FlotillaError("INTEGRITY_ROLLBACK", `The ${role} metadata ${what}; this device has seen ${floor}.`, {
    details: { step, role, found, floor },
  });
}
