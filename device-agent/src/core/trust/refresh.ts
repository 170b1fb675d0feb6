/**
 * One refresh of the top-level roles: TUF client workflow 5.1 to 5.6.5 (specification 1.0.34), in its order.
 * What is verified is stored before the next file is asked for, as received; what fails is never stored.
 * A refresh starts from the store each time, so a crash at any point costs only the rest of that refresh.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Metadata, Root, Snapshot, Targets, Timestamp } from "@flotilla/protocol/tuf/metadata";
import { roleFileName } from "@flotilla/protocol/tuf/role-file-name";
import { rootAuthority } from "@flotilla/protocol/tuf/threshold";
import type { MetadataFetcher } from "../../ports/metadata-fetcher.ts";
import type { MetadataStore } from "../../ports/metadata-store.ts";
import { type Floors, noFloors, onlineKeysOf, strictest } from "./floors.ts";
import type { TrustLimits } from "./limits.ts";
import { readFloors, readStored, writeFloors } from "./local-metadata.ts";
import {
  assertFresh,
  assertNotBelow,
  type Baseline,
  listedRole,
  verifyNextRoot,
  verifySnapshot,
  verifyStoredSnapshot,
  verifyTargets,
  verifyTimestamp,
  verifyTrustedRoot,
} from "./verify-metadata.ts";

/** What the workflow works with. */
export interface TrustContext {
  readonly fetcher: MetadataFetcher;
  readonly store: MetadataStore;
  /** The root that came with the program; used until the store has a newer one, and again if that is lost. */
  readonly shippedRoot: Uint8Array;
  readonly limits: TrustLimits;
}

/** A consistent set of trusted metadata, with the time against which expiry was checked. */
export interface TrustedView {
  readonly startMs: number;
  readonly root: Metadata<Root>;
  readonly timestamp: Metadata<Timestamp>;
  readonly snapshot: Metadata<Snapshot>;
  readonly targets: Metadata<Targets>;
  /** Stored files that were found damaged and replaced. */
  readonly recovered: readonly string[];
}

/**
 * Runs the workflow.
 * @param startMs 5.1: the fixed update start time; no other clock is read
 * @throws INTEGRITY_* with the step in its details; TRANSPORT_*; IO_* of the store
 */
export async function refreshTrust(context: TrustContext, startMs: number): Promise<TrustedView> {
  const recovered: string[] = [];
  const run = new Refresh(context, startMs, (name) => recovered.push(name));
  const root = await run.updateRoot();
  const timestamp = await run.updateTimestamp(root);
  const snapshot = await run.updateSnapshot(root, timestamp);
  const targets = await run.updateTargets(root, snapshot);
  return { startMs, root, timestamp, snapshot, targets, recovered };
}

class Refresh {
  private readonly context: TrustContext;
  private readonly startMs: number;
  private readonly onDamaged: (name: string) => void;
  private floors: Floors = noFloors;
  private baseline: Baseline = noFloors;

  constructor(context: TrustContext, startMs: number, onDamaged: (name: string) => void) {
    this.context = context;
    this.startMs = startMs;
    this.onDamaged = onDamaged;
  }

  /** 5.2 and 5.3. */
  async updateRoot(): Promise<Metadata<Root>> {
    const { store, limits, shippedRoot } = this.context;
    // 5.2: the trusted root, from the store or as shipped, whichever is newer. Its expiry does not matter yet.
    const shipped = verifyTrustedRoot(shippedRoot);
    const stored = await readStored(store, "root.json", verifyTrustedRoot, this.onDamaged);
    const first = stored !== null && stored.signed.version >= shipped.signed.version ? stored : shipped;
    let root = first;
    // 5.3.2 to 5.3.9: one version after the other, each stored before the next, until there is none.
    for (let rotations = 0; ; rotations++) {
      if (rotations === limits.rootRotations) throw tooManyRotations(root.signed.version, rotations);
      const bytes = await fetchFile(this.context, roleFileName("root", root.signed.version + 1), limits.rootBytes);
      if (bytes === null) break;
      root = verifyNextRoot(bytes, root);
      await store.write("root.json", bytes);
    }
    if (root === first && stored !== first) await store.write("root.json", first.bytes);
    // 5.3.10: freeze attack.
    assertFresh(root, "root", this.startMs, "5.3.10");
    await this.takeFloors(first.signed, root.signed);
    return root;
  }

  /** 5.3.11: new timestamp or snapshot keys void what was seen under the old ones; otherwise the floors hold. */
  private async takeFloors(first: Root, root: Root): Promise<void> {
    const { store } = this.context;
    this.floors = await readFloors(store, this.onDamaged);
    assertNotBelow("root", root.version, this.floors.rootVersion, "5.3.5");
    const onlineKeys = onlineKeysOf(root);
    const seenUnder = this.floors.sequence > 0 ? this.floors.onlineKeys : onlineKeysOf(first);
    if (seenUnder !== onlineKeys) {
      await store.delete(roleFileName("timestamp"));
      await store.delete(roleFileName("snapshot"));
      this.floors = { ...noFloors, sequence: this.floors.sequence };
    }
    await this.raiseFloors({ rootVersion: root.version, onlineKeys });
    this.baseline = this.floors;
  }

  /** 5.4. */
  async updateTimestamp(root: Metadata<Root>): Promise<Metadata<Timestamp>> {
    const { store, limits } = this.context;
    const name = roleFileName("timestamp");
    // A stored timestamp counts only if the current root's keys signed it and it is not below the floors.
    const verifyStored = (bytes: Uint8Array) => verifyTimestamp(bytes, root.signed, this.floors, null);
    const stored = await readStored(store, name, verifyStored, this.onDamaged);
    if (stored !== null) {
      const { version, snapshot } = stored.signed;
      this.raiseBaseline({ ...noFloors, timestampVersion: version, snapshotVersion: snapshot.version });
    }
    // 5.4.1: never versioned.
    const bytes = required(name, await fetchFile(this.context, name, limits.timestampBytes));
    const current = verifyTimestamp(bytes, root.signed, this.baseline, stored); // 5.4.2, 5.4.3
    // 5.4.4: freeze attack.
    assertFresh(current, "timestamp", this.startMs, "5.4.4");
    // 5.4.5
    if (current !== stored) await store.write(name, bytes);
    const { version, snapshot } = current.signed;
    await this.raiseFloors({ timestampVersion: version, snapshotVersion: snapshot.version });
    return current;
  }

  /** 5.5. */
  async updateSnapshot(root: Metadata<Root>, timestamp: Metadata<Timestamp>): Promise<Metadata<Snapshot>> {
    const { store, limits } = this.context;
    const name = roleFileName("snapshot");
    const stored = await readStored(store, name, (bytes) => verifyStoredSnapshot(bytes, root.signed), this.onDamaged);
    if (stored !== null) this.raiseBaseline({ ...noFloors, roleVersions: versionsOf(stored.signed) });
    const verify = (bytes: Uint8Array): Metadata<Snapshot> => {
      const snapshot = verifySnapshot(bytes, root.signed, timestamp.signed, this.baseline); // 5.5.2 to 5.5.5
      // 5.5.6: freeze attack.
      assertFresh(snapshot, "snapshot", this.startMs, "5.5.6");
      return snapshot;
    };
    const current = stored && (await readStored(store, name, verify, this.onDamaged));
    const snapshot = current ?? (await this.fetchSnapshot(root, timestamp, verify, limits.snapshotBytes));
    // 5.5.7
    if (snapshot !== current) await store.write(name, snapshot.bytes);
    await this.raiseFloors({ roleVersions: versionsOf(snapshot.signed) });
    return snapshot;
  }

  private async fetchSnapshot(
    root: Metadata<Root>,
    timestamp: Metadata<Timestamp>,
    verify: (bytes: Uint8Array) => Metadata<Snapshot>,
    maxBytes: number,
  ): Promise<Metadata<Snapshot>> {
    const { version, lengthBytes = maxBytes } = timestamp.signed.snapshot;
    // 5.5.1
    const remote = roleFileName("snapshot", root.signed.consistentSnapshot ? version : undefined);
    return verify(required(remote, await fetchFile(this.context, remote, Math.min(lengthBytes, maxBytes))));
  }

  /** 5.6.1 to 5.6.6 for the top-level targets. */
  async updateTargets(root: Metadata<Root>, snapshot: Metadata<Snapshot>): Promise<Metadata<Targets>> {
    const verify = (bytes: Uint8Array) =>
      verifyTargets(bytes, rootAuthority(root.signed, "targets"), snapshot.signed, this.startMs);
    return await updateTargetsFile(this.context, "targets", root.signed, snapshot.signed, verify, this.onDamaged);
  }

  private raiseBaseline(seen: Baseline): void {
    this.baseline = strictest(this.baseline, seen);
  }

  private async raiseFloors(seen: Partial<Floors>): Promise<void> {
    const next = { ...this.floors, ...seen };
    if (sameFloors(next, this.floors)) return;
    this.floors = await writeFloors(this.context.store, next);
  }
}

/** 5.6.1, 5.6.2 to 5.6.5 by `verify`, 5.6.6: a targets role from the store if it is still the one wanted, else fetched. */
export async function updateTargetsFile(
  context: TrustContext,
  role: string,
  root: Root,
  snapshot: Snapshot,
  verify: (bytes: Uint8Array) => Metadata<Targets>,
  onDamaged: (name: string) => void,
): Promise<Metadata<Targets>> {
  const { version, lengthBytes = context.limits.targetsBytes } = listedRole(snapshot, role);
  const stored = await readStored(context.store, roleFileName(role), verify, onDamaged);
  if (stored !== null) return stored;
  const remote = roleFileName(role, root.consistentSnapshot ? version : undefined);
  const maxBytes = Math.min(lengthBytes, context.limits.targetsBytes);
  const targets = verify(required(remote, await fetchFile(context, remote, maxBytes)));
  await context.store.write(roleFileName(role), targets.bytes);
  return targets;
}

async function fetchFile(context: TrustContext, name: string, maxBytes: number): Promise<Uint8Array | null> {
  const bytes = await context.fetcher.fetch(name, maxBytes);
  if (bytes !== null && bytes.length > maxBytes) {
    throw new FlotillaError("TRANSPORT_LIMIT", `${name} is larger than the ${maxBytes} bytes allowed for it.`, {
      details: { file: name, maxBytes },
    });
  }
  return bytes;
}

function required(name: string, bytes: Uint8Array | null): Uint8Array {
  if (bytes !== null) return bytes;
  throw new FlotillaError("TRANSPORT_STATUS", `The repository has no ${name}; the refresh cannot go on.`, {
    details: { file: name },
  });
}

function versionsOf(snapshot: Snapshot): ReadonlyMap<string, number> {
  return new Map([...snapshot.roles].map(([role, { version }]) => [role, version]));
}

function sameFloors(a: Floors, b: Floors): boolean {
  return (
    a.rootVersion === b.rootVersion &&
    a.onlineKeys === b.onlineKeys &&
    a.timestampVersion === b.timestampVersion &&
    a.snapshotVersion === b.snapshotVersion &&
    a.roleVersions.size === b.roleVersions.size &&
    [...a.roleVersions].every(([role, version]) => b.roleVersions.get(role) === version)
  );
}

function tooManyRotations(version: number, rotations: number): FlotillaError {
  return new FlotillaError(
    "INTEGRITY_METADATA",
    `The repository offered ${rotations} new roots in one refresh; version ${version} is kept and the next refresh goes on from there.`,
    { details: { step: "5.3.3", version, rotations } },
  );
}
