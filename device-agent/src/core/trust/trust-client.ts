/**
 * The agent's TUF client: refreshes trusted metadata, looks up targets, says whose signatures a role accepts.
 * Isomorphic; the network and the store are ports, the time comes in with each call, and nothing is trusted that the
 * workflow in `refresh.ts` and `find-target.ts` has not verified (TUF specification 1.0.34 §5).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { FileHashes } from "@flotilla/protocol/tuf/metadata";
import { delegatedAuthority, type RoleAuthority } from "@flotilla/protocol/tuf/threshold";
import type { MetadataFetcher } from "../../ports/metadata-fetcher.ts";
import type { MetadataStore } from "../../ports/metadata-store.ts";
import { findTargetFile } from "./find-target.ts";
import { defaultTrustLimits, type TrustLimits } from "./limits.ts";
import { refreshTrust, type TrustContext, type TrustedView } from "./refresh.ts";

export interface TrustClientOptions {
  readonly fetcher: MetadataFetcher;
  readonly store: MetadataStore;
  /** Root metadata that came with the program or from enrolment: where all trust begins. */
  readonly shippedRoot: Uint8Array;
  readonly limits?: Partial<TrustLimits>;
}

/** A target as the trusted metadata describes it. */
export interface TrustedTarget {
  readonly path: string;
  readonly lengthBytes: number;
  /** Lowercase hex; every Flotilla target has it. */
  readonly sha256: string;
  readonly hashes: FileHashes;
  readonly custom: JsonObject;
}

/** What a refresh ended with. */
export interface RefreshReport {
  readonly rootVersion: number;
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  readonly targetsVersion: number;
  /** When the first of these roles expires; the next refresh must succeed before. */
  readonly expiresMs: number;
  /** Stored files that were found damaged and replaced. */
  readonly recovered: readonly string[];
}

export interface TrustClient {
  /**
   * Brings root, timestamp, snapshot and targets up to date. On failure what was trusted before stays in use.
   * @param nowMs the fixed start time of this update, against which all expiry is checked
   * @throws INTEGRITY_* with `step` in details: refused, do not retry before the repository changed; TRANSPORT_*, IO_*
   */
  refresh(nowMs: number): Promise<RefreshReport>;
  /**
   * Looks a target up, asking delegated roles as far as needed.
   * @throws INTEGRITY_NOT_FOUND if no role that may speak of it does; INTEGRITY_* if a role asked fails its checks
   */
  findTarget(path: string): Promise<TrustedTarget>;
  /**
   * The keys and threshold that the CURRENT top-level targets metadata gives to a delegated role.
   * @throws INTEGRITY_NOT_FOUND if it delegates no such role: its signatures are then worth nothing
   */
  keysForRole(role: string): RoleAuthority;
}

/** Makes a client; no request is made and nothing is read before `refresh`. */
export function createTrustClient(options: TrustClientOptions): TrustClient {
  const { fetcher, store, shippedRoot } = options;
  const context: TrustContext = { fetcher, store, shippedRoot, limits: { ...defaultTrustLimits, ...options.limits } };
  let view: TrustedView | null = null;
  const current = (): TrustedView => {
    if (view === null) throw new FlotillaError("INTEGRITY_METADATA", "Nothing is trusted before the first refresh.");
    return view;
  };
  return {
    async refresh(nowMs) {
      view = await refreshTrust(context, nowMs);
      return reportOf(view);
    },
    async findTarget(path) {
      const file = await findTargetFile(context, current(), path);
      if (file === null) throw notFound(`The trusted metadata has no target ${JSON.stringify(path)}.`, { path });
      const { lengthBytes, hashes, custom } = file;
      if (hashes.sha256 === undefined) throw notFound(`The target ${path} has no SHA-256.`, { path });
      return { path, lengthBytes, sha256: hashes.sha256, hashes, custom };
    },
    keysForRole(role) {
      const authority = delegatedAuthority(current().targets.signed.delegations, role);
      if (authority === null)
        throw notFound(`The targets metadata delegates no role ${JSON.stringify(role)}.`, { role });
      return authority;
    },
  };
}

function reportOf({ root, timestamp, snapshot, targets, recovered }: TrustedView): RefreshReport {
  const heads = [root.signed, timestamp.signed, snapshot.signed, targets.signed];
  return {
    rootVersion: root.signed.version,
    timestampVersion: timestamp.signed.version,
    snapshotVersion: snapshot.signed.version,
    targetsVersion: targets.signed.version,
    expiresMs: Math.min(...heads.map(({ expiresMs }) => expiresMs)),
    recovered,
  };
}

function notFound(message: string, details: { path?: string; role?: string }): FlotillaError {
  return new FlotillaError("INTEGRITY_NOT_FOUND", message, { details });
}
