/**
 * The server's half of publishing: snapshot and timestamp, signed with the two keys that are online.
 * Versions only ever go up: every timestamp is first claimed in `history/`, which also outlives a lost
 * `timestamp.json`, and snapshots are files that are created, never replaced. Of two servers that race for a version
 * one gets it and the other takes the next (facts: rows S5, S6, S8).
 */

import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";
import type { Metadata, Snapshot } from "@flotilla/protocol/tuf/metadata";
import { parseSnapshot } from "@flotilla/protocol/tuf/parse-snapshot";
import { parseTimestamp } from "@flotilla/protocol/tuf/parse-timestamp";
import { roleFileName } from "@flotilla/protocol/tuf/role-file-name";
import { assertThreshold, countSignatures, rootAuthority } from "@flotilla/protocol/tuf/threshold";
import { assertSound } from "./admission.ts";
import { signedHead, signMetadata } from "./metadata-bytes.ts";
import {
  metadataName,
  parseVersionedName,
  type RepositoryState,
  readRepository,
  requireRoot,
} from "./repository-state.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";

export interface OnlineSigners {
  readonly snapshot: readonly Signer[];
  readonly timestamp: readonly Signer[];
}

export interface OnlineExpiry {
  readonly snapshotExpiresMs: number;
  readonly timestampExpiresMs: number;
}

/** What was signed. */
export interface OnlinePublication {
  readonly snapshotVersion: number;
  readonly timestampVersion: number;
  /** False if the snapshot of before still says all and lasts longer than the new timestamp. */
  readonly snapshotRenewed: boolean;
}

const maxRaces = 16; // a version lost to another server this often means that something else is wrong
const historyKept = 16; // timestamps; the newest is the high-water mark, the rest is for looking back

/**
 * Signs a new timestamp and, if needed, a new snapshot of everything in `metadata/`.
 * @throws INTEGRITY_SIGNATURE if the signers are not root's or a role is not signed as it must be; nothing is published
 */
export async function publishOnline(
  store: TrustRepositoryStore,
  signers: OnlineSigners,
  expiry: OnlineExpiry,
): Promise<OnlinePublication> {
  const state = await readRepository(store);
  assertSound(state);
  const snapshotRenewed = needsSnapshot(state, expiry.timestampExpiresMs);
  if (snapshotRenewed) await publishSnapshot(store, state, signers.snapshot, expiry.snapshotExpiresMs);
  return { ...(await publishTimestamp(store, signers.timestamp, expiry.timestampExpiresMs)), snapshotRenewed };
}

function needsSnapshot(state: RepositoryState, lastUntilMs: number): boolean {
  const { snapshot } = state;
  if (snapshot === null || snapshot.signed.expiresMs < lastUntilMs) return true;
  const authority = rootAuthority(requireRoot(state).signed, "snapshot");
  if (countSignatures(snapshot, authority) < authority.threshold) return true;
  const { roles } = snapshot.signed;
  return [...state.targets].some(([role, { signed }]) => roles.get(role)?.version !== signed.version);
}

async function publishSnapshot(
  store: TrustRepositoryStore,
  state: RepositoryState,
  signers: readonly Signer[],
  expiresMs: number,
): Promise<void> {
  const authority = rootAuthority(requireRoot(state).signed, "snapshot");
  const meta = Object.fromEntries(
    [...state.targets].map(([role, { signed, bytes }]) => [`${role}.json`, fileJson(signed.version, bytes)]),
  );
  let version = Math.max(state.snapshot?.signed.version ?? 0, state.timestamp?.signed.snapshot.version ?? 0);
  for (let race = 0; race < maxRaces; race++) {
    version++;
    const bytes = await signMetadata({ ...signedHead("snapshot", version, expiresMs), meta }, signers);
    assertThreshold(parseSnapshot(bytes), authority, "5.5.3");
    if (await store.create(metadataName("snapshot", version), bytes)) return;
  }
  throw lostRaces("snapshot", version);
}

async function publishTimestamp(
  store: TrustRepositoryStore,
  signers: readonly Signer[],
  expiresMs: number,
): Promise<{ snapshotVersion: number; timestampVersion: number }> {
  for (let race = 0; race < maxRaces; race++) {
    // Read again: the newest snapshot may be another server's, and it is the one to name.
    const state = await readRepository(store);
    const snapshot = requireSnapshot(state);
    const version = Math.max(state.timestamp?.signed.version ?? 0, ...(await historyVersions(store))) + 1;
    const meta = { "snapshot.json": fileJson(snapshot.signed.version, snapshot.bytes) };
    const bytes = await signMetadata({ ...signedHead("timestamp", version, expiresMs), meta }, signers);
    assertThreshold(parseTimestamp(bytes), rootAuthority(requireRoot(state).signed, "timestamp"), "5.4.2");
    if (!(await store.create(historyName(version), bytes))) continue;
    await store.replace(metadataName("timestamp"), bytes);
    await settleHistory(store, version);
    return { snapshotVersion: snapshot.signed.version, timestampVersion: version };
  }
  throw lostRaces("timestamp", maxRaces);
}

/** If a newer timestamp was claimed while ours was written, that one is put in place again; old ones are dropped. */
async function settleHistory(store: TrustRepositoryStore, written: number): Promise<void> {
  const versions = await historyVersions(store);
  const newest = Math.max(...versions, written);
  const bytes = newest > written ? await store.read(historyName(newest)) : null;
  if (bytes !== null) await store.replace(metadataName("timestamp"), bytes);
  for (const version of versions) {
    if (version <= newest - historyKept) await store.delete(historyName(version));
  }
}

const historyName = (version: number): string => `history/${roleFileName("timestamp", version)}`;

async function historyVersions(store: TrustRepositoryStore): Promise<readonly number[]> {
  const parsed = (await store.list("history")).map(parseVersionedName);
  return parsed.flatMap((name) => (name?.role === "timestamp" ? [name.version] : []));
}

function requireSnapshot(state: RepositoryState): Metadata<Snapshot> {
  if (state.snapshot !== null) return state.snapshot;
  throw new FlotillaError("IO_NOT_FOUND", "The repository has no snapshot to put a timestamp on.");
}

function fileJson(version: number, bytes: Uint8Array): JsonObject {
  return { version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } };
}

function lostRaces(role: string, version: number): FlotillaError {
  return new FlotillaError("ROLLOUT_CONFLICT", `Other servers keep taking the next version of ${role}.`, {
    details: { role, version },
  });
}
