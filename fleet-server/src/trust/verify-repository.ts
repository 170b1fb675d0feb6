/**
 * Verifies a whole repository as its clients would, and more: every root in a row, every role under its delegator,
 * snapshot and timestamp against what they name, and the stored targets against their digests.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { assertFile } from "@flotilla/protocol/tuf/file-hashes";
import type { Metadata } from "@flotilla/protocol/tuf/metadata";
import { parseRoot } from "@flotilla/protocol/tuf/parse-root";
import { assertThreshold, rootAuthority } from "@flotilla/protocol/tuf/threshold";
import { assertSound, planAdmission } from "./admission.ts";
import { metadataName, type RepositoryState, readRepository, requireRoot } from "./repository-state.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";
import { targetName } from "./target-source.ts";

/** A role of a verified repository. */
export interface VerifiedRole {
  readonly role: string;
  readonly version: number;
  readonly expiresMs: number;
  readonly expired: boolean;
}

export interface RepositoryReport {
  readonly roles: readonly VerifiedRole[];
  readonly targets: number;
  /** Targets whose content is stored here and has the signed digest. */
  readonly targetsVerified: number;
}

/**
 * Verifies a repository. Expiry is reported, not thrown, so that an expired repository can still be examined.
 * @throws INTEGRITY_* with what does not fit; IO_NOT_FOUND if there is no repository
 */
export async function verifyRepository(store: TrustRepositoryStore, nowMs: number): Promise<RepositoryReport> {
  const state = await readRepository(store);
  const root = requireRoot(state);
  await verifyRoots(store, root.signed.version);
  assertSound(state);
  verifyOnlineRoles(state);
  const heads = new Map<string, Metadata<{ readonly version: number; readonly expiresMs: number }>>();
  heads.set("root", root);
  if (state.timestamp !== null) heads.set("timestamp", state.timestamp);
  if (state.snapshot !== null) heads.set("snapshot", state.snapshot);
  for (const [role, metadata] of state.targets) heads.set(role, metadata);
  const roles = [...heads].map(
    ([
      role,
      {
        signed: { version, expiresMs },
      },
    ]) => ({
      role,
      version,
      expiresMs,
      expired: expiresMs <= nowMs,
    }),
  );
  return { roles, ...(await verifyTargetFiles(store, state)) };
}

async function verifyRoots(store: TrustRepositoryStore, newest: number): Promise<void> {
  const nothing: RepositoryState = { root: null, targets: new Map(), snapshot: null, timestamp: null };
  let state = nothing;
  for (let version = 1; version <= newest; version++) {
    const bytes = await store.read(metadataName("root", version));
    if (bytes === null) throw missingRoot(version);
    if (parseRoot(bytes).signed.version !== version) throw missingRoot(version);
    state = planAdmission(state, [{ role: "root", bytes }], 0).state;
  }
}

function verifyOnlineRoles(state: RepositoryState): void {
  const root = requireRoot(state).signed;
  if (state.timestamp === null) return; // prepared offline and not yet on a server
  assertThreshold(state.timestamp, rootAuthority(root, "timestamp"), "5.4.2");
  const named = state.timestamp.signed.snapshot;
  if (state.snapshot === null || state.snapshot.signed.version !== named.version) {
    throw new FlotillaError(
      "INTEGRITY_METADATA",
      `The timestamp names snapshot ${named.version}, not the newest one.`,
      {
        details: { step: "5.5.4", found: state.snapshot?.signed.version ?? 0, expected: named.version },
      },
    );
  }
  assertFile(state.snapshot.bytes, named, "snapshot.json", "5.5.2");
  assertThreshold(state.snapshot, rootAuthority(root, "snapshot"), "5.5.3");
  for (const [role, metadata] of state.targets) {
    const listed = state.snapshot.signed.roles.get(role);
    if (listed === undefined || listed.version !== metadata.signed.version) {
      throw new FlotillaError(
        "INTEGRITY_METADATA",
        `The snapshot does not name version ${metadata.signed.version} of ${role}.`,
        {
          details: { step: "5.6.4", role, found: listed?.version ?? 0, expected: metadata.signed.version },
        },
      );
    }
    assertFile(metadata.bytes, listed, `${role}.json`, "5.6.2");
  }
}

async function verifyTargetFiles(
  store: TrustRepositoryStore,
  state: RepositoryState,
): Promise<{ targets: number; targetsVerified: number }> {
  let targets = 0;
  let targetsVerified = 0;
  for (const { signed } of state.targets.values()) {
    for (const [path, file] of signed.targets) {
      targets++;
      const bytes = await store.read(targetName(path, file.hashes.sha256 ?? ""));
      if (bytes === null) continue; // content may be stored elsewhere, see TargetSource
      assertFile(bytes, file, path, "5.7.2");
      targetsVerified++;
    }
  }
  return { targets, targetsVerified };
}

function missingRoot(version: number): FlotillaError {
  return new FlotillaError(
    "INTEGRITY_METADATA",
    `Root version ${version} is missing or misnamed; clients cannot pass it.`,
    {
      details: { step: "5.3.3", version },
    },
  );
}
