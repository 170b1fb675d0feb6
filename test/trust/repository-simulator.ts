/**
 * A TUF repository in memory, made by our own authoring, and clients of it. An honest repository publishes through
 * `publish`; an attacker writes whatever his keys can sign through `forge` and `forgeOnline`, past every check.
 */

import type { TrustLimits } from "@flotilla/device-agent/core/trust/limits";
import { createTrustClient, type TrustClient } from "@flotilla/device-agent/core/trust/trust-client";
import type { MetadataFetcher } from "@flotilla/device-agent/ports/metadata-fetcher";
import type { MetadataStore } from "@flotilla/device-agent/ports/metadata-store";
import { ed25519Signer, generateEd25519Seed } from "@flotilla/fleet-server/trust/ed25519-signer";
import { initRepository } from "@flotilla/fleet-server/trust/edit-root";
import { addTargets, delegateRelease } from "@flotilla/fleet-server/trust/edit-targets";
import { memoryStore } from "@flotilla/fleet-server/trust/memory-store";
import { signedHead, signMetadata } from "@flotilla/fleet-server/trust/metadata-bytes";
import { publishOnline } from "@flotilla/fleet-server/trust/online-roles";
import { metadataName, newestVersions } from "@flotilla/fleet-server/trust/repository-state";
import { publishStaged, signRole, stagedCandidates } from "@flotilla/fleet-server/trust/staging";
import { sha256Hex } from "@flotilla/protocol/digest";
import { releaseTargetPath } from "@flotilla/protocol/documents/release";
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";

export const nowMs = Date.UTC(2026, 10, 23);
const day = 86_400_000;
export const expiries = {
  rootMs: nowMs + 365 * day,
  targetsMs: nowMs + 90 * day,
  snapshotMs: nowMs + 7 * day,
  timestampMs: nowMs + day,
};

export const newSigner = (): Signer => ed25519Signer(generateEd25519Seed());
export const newSigners = (count: number): Signer[] => Array.from({ length: count }, newSigner);
export const setupWith = (signers: readonly Signer[], threshold = 1) => ({
  keys: signers.map(({ publicKey }) => publicKey),
  threshold,
});

export const releasePath = releaseTargetPath("digits", "rel-1");

/** A repository with root 2-of-3, one release role for the model `digits`, one directive key, one signed target. */
export async function simulateRepository() {
  const store = memoryStore();
  const keys = {
    root: newSigners(3),
    targets: newSigners(1),
    snapshot: newSigners(1),
    timestamp: newSigners(1),
    release: newSigners(1),
    directive: newSigners(1),
  };
  await initRepository(store, {
    roles: {
      root: setupWith(keys.root, 2),
      targets: setupWith(keys.targets),
      snapshot: setupWith(keys.snapshot),
      timestamp: setupWith(keys.timestamp),
    },
    directive: setupWith(keys.directive),
    rootExpiresMs: expiries.rootMs,
    targetsExpiresMs: expiries.targetsMs,
  });
  await delegateRelease(store, "digits", setupWith(keys.release), {
    targetsMs: expiries.targetsMs,
    roleMs: expiries.targetsMs,
  });

  /** Signs everything staged with the honest keys and publishes it, then snapshot and timestamp. */
  async function publish(signers: { root?: readonly Signer[] } = {}): Promise<void> {
    for (const { role } of await stagedCandidates(store)) {
      const own = role === "root" ? (signers.root ?? keys.root) : role === "targets" ? keys.targets : keys.release;
      await signRole(store, role, own);
    }
    await publishStaged(store, nowMs);
    const expiry = { snapshotExpiresMs: expiries.snapshotMs, timestampExpiresMs: expiries.timestampMs };
    await publishOnline(store, keys, expiry);
  }

  async function addRelease(release: string, content = release): Promise<void> {
    const bytes = new TextEncoder().encode(content);
    const path = releaseTargetPath("digits", release);
    const custom = { counter: 1, minCounter: 1 };
    await addTargets(store, "release-digits", [{ path, bytes, custom }], expiries.targetsMs);
  }

  /** Replaces a file of `metadata/` by whatever `change` makes of its signed part, signed by `signers`. */
  async function forge(
    name: string,
    signers: readonly Signer[],
    change: (signed: Record<string, JsonValue>) => JsonObject,
  ): Promise<void> {
    const held = JSON.parse(new TextDecoder().decode(store.files.get(`metadata/${name}`)));
    store.files.set(`metadata/${name}`, await signMetadata(change(held.signed), signers));
  }

  /** Signs snapshot and timestamp over whatever lies there, with versions and changes as asked. */
  async function forgeOnline(
    options: {
      readonly snapshotVersion?: number;
      readonly timestampVersion?: number;
      readonly hashes?: boolean;
      readonly meta?: (meta: Record<string, JsonValue>) => JsonObject;
      readonly snapshotExpiresMs?: number;
      readonly timestampExpiresMs?: number;
      readonly signers?: { readonly snapshot: readonly Signer[]; readonly timestamp: readonly Signer[] };
    } = {},
  ): Promise<void> {
    const { hashes = true, signers = keys } = options;
    const entry = (version: number, bytes: Uint8Array): JsonObject =>
      hashes ? { version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } } : { version };
    const versions = await newestVersions(store);
    const meta: Record<string, JsonValue> = {};
    for (const [role, version] of versions) {
      if (role === "root" || role === "snapshot") continue;
      meta[`${role}.json`] = entry(version, store.files.get(metadataName(role, version)) ?? new Uint8Array());
    }
    const snapshotVersion = options.snapshotVersion ?? (versions.get("snapshot") ?? 0) + 1;
    const held = store.files.get("metadata/timestamp.json");
    const heldVersion: number = held ? JSON.parse(new TextDecoder().decode(held)).signed.version : 0;
    const timestampVersion = options.timestampVersion ?? heldVersion + 1;
    const snapshot = await signMetadata(
      {
        ...signedHead("snapshot", snapshotVersion, options.snapshotExpiresMs ?? expiries.snapshotMs),
        meta: options.meta ? options.meta(meta) : meta,
      },
      signers.snapshot,
    );
    store.files.set(metadataName("snapshot", snapshotVersion), snapshot);
    const timestamp = await signMetadata(
      {
        ...signedHead("timestamp", timestampVersion, options.timestampExpiresMs ?? expiries.timestampMs),
        meta: { "snapshot.json": entry(snapshotVersion, snapshot) },
      },
      signers.timestamp,
    );
    store.files.set("metadata/timestamp.json", timestamp);
  }

  await addRelease("rel-1");
  await publish();
  const shippedRoot = store.files.get("metadata/1.root.json") ?? new Uint8Array();
  return { store, keys, publish, forge, forgeOnline, addRelease, shippedRoot };
}

export type SimulatedRepository = Awaited<ReturnType<typeof simulateRepository>>;

/** Serves a repository's metadata as a web server would, and keeps the names asked for. */
export function fetcherOf(repository: SimulatedRepository): MetadataFetcher & { readonly requests: string[] } {
  const requests: string[] = [];
  return {
    requests,
    async fetch(name) {
      requests.push(name);
      return repository.store.files.get(`metadata/${name}`) ?? null;
    },
  };
}

/** A metadata store over a map that outlives the client, as a disk does. */
export function storeOver(files: Map<string, Uint8Array>): MetadataStore {
  return {
    read: async (name) => files.get(name)?.slice() ?? null,
    write: async (name, bytes) => {
      files.set(name, bytes.slice());
    },
    delete: async (name) => {
      files.delete(name);
    },
  };
}

/** A device: its stored files, what it asked for, and a client that can be restarted on the same files. */
export function simulateDevice(repository: SimulatedRepository, limits: Partial<TrustLimits> = {}) {
  const files = new Map<string, Uint8Array>();
  const fetcher = fetcherOf(repository);
  const { shippedRoot } = repository;
  const start = (): TrustClient => createTrustClient({ fetcher, store: storeOver(files), shippedRoot, limits });
  return { files, requests: fetcher.requests, start };
}
