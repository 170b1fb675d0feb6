/**
 * A repository as it stands: the newest version of every role in `metadata/`, parsed. Says nothing of trust by itself;
 * `admission.ts` does. Roles are found by the names of their files, `N.role.json`, so nothing else has to be kept.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Metadata, Root, Snapshot, Targets, Timestamp } from "@flotilla/protocol/tuf/metadata";
import { parseRoot } from "@flotilla/protocol/tuf/parse-root";
import { parseSnapshot } from "@flotilla/protocol/tuf/parse-snapshot";
import { parseTargets } from "@flotilla/protocol/tuf/parse-targets";
import { parseTimestamp } from "@flotilla/protocol/tuf/parse-timestamp";
import { roleFileName } from "@flotilla/protocol/tuf/role-file-name";
import { delegatedAuthority, type RoleAuthority, rootAuthority } from "@flotilla/protocol/tuf/threshold";
import type { TrustRepositoryStore } from "./repository-store.ts";

export interface RepositoryState {
  readonly root: Metadata<Root> | null;
  /** `targets` and every delegated role that has metadata. */
  readonly targets: ReadonlyMap<string, Metadata<Targets>>;
  readonly snapshot: Metadata<Snapshot> | null;
  readonly timestamp: Metadata<Timestamp> | null;
}

/** Where a version of a role lies. */
export function metadataName(role: string, version?: number): string {
  return `metadata/${roleFileName(role, version)}`;
}

/** Role and version of a metadata file's name, or null for `timestamp.json` and foreign files. */
export function parseVersionedName(fileName: string): { readonly role: string; readonly version: number } | null {
  const match = /^([1-9][0-9]{0,14})\.(.+)\.json$/.exec(fileName);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  try {
    return { role: decodeURIComponent(match[2]), version: Number(match[1]) };
  } catch {
    return null; // not a name that we write
  }
}

/** The newest version of each role that has versioned files. */
export async function newestVersions(store: TrustRepositoryStore): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  for (const fileName of await store.list("metadata")) {
    const parsed = parseVersionedName(fileName);
    if (parsed !== null) newest.set(parsed.role, Math.max(parsed.version, newest.get(parsed.role) ?? 0));
  }
  return newest;
}

/** Reads the state. @throws INTEGRITY_METADATA if one of the newest files is not sound */
export async function readRepository(store: TrustRepositoryStore): Promise<RepositoryState> {
  const versions = await newestVersions(store);
  const read = async (role: string): Promise<Uint8Array | null> => {
    const version = versions.get(role);
    return version === undefined ? null : await store.read(metadataName(role, version));
  };
  const root = await read("root");
  const snapshot = await read("snapshot");
  const timestamp = await store.read(metadataName("timestamp"));
  const targets = new Map<string, Metadata<Targets>>();
  for (const role of versions.keys()) {
    if (role === "root" || role === "snapshot" || role === "timestamp") continue;
    const bytes = await read(role);
    if (bytes !== null) targets.set(role, parseTargets(bytes));
  }
  return {
    root: root && parseRoot(root),
    snapshot: snapshot && parseSnapshot(snapshot),
    timestamp: timestamp && parseTimestamp(timestamp),
    targets,
  };
}

/** Who may sign a targets role in this state; null if nobody delegates to it. The top-level targets come first. */
export function authorityOf(state: RepositoryState, role: string): RoleAuthority | null {
  if (state.root === null) return null;
  if (role === "targets") return rootAuthority(state.root.signed, "targets");
  const delegators = [...state.targets].sort(([a], [b]) => Number(b === "targets") - Number(a === "targets"));
  for (const [, { signed }] of delegators) {
    const authority = delegatedAuthority(signed.delegations, role);
    if (authority !== null) return authority;
  }
  return null;
}

/** The root of a repository that must have one. */
export function requireRoot(state: RepositoryState): Metadata<Root> {
  if (state.root !== null) return state.root;
  throw new FlotillaError("IO_NOT_FOUND", "The repository has no root metadata yet; initialise, sign and publish it.");
}
