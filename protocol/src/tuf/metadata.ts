/**
 * The TUF metadata of the four top-level roles and of delegated targets, as decoded values (specification 1.0.34 §4).
 * Only the parsers beside this file make them, so whoever holds one knows that its fields are sound; whether it is
 * *trusted* is another question (`threshold.ts`, and the client workflow in the device agent).
 */
import type { JsonObject } from "../json-value.ts";
import type { PublicKey } from "../public-key.ts";
import type { KeySignature } from "../signature.ts";

/** The roles that root names keys for. */
export const topLevelRoles = ["root", "timestamp", "snapshot", "targets"] as const;
export type TopLevelRole = (typeof topLevelRoles)[number];

/** What every role's signed part has. */
interface SignedHead {
  readonly version: number;
  readonly expiresMs: number;
}

/** Digests of a file by algorithm; at least one of an algorithm that Flotilla knows, or it cannot be verified. */
export interface FileHashes {
  readonly sha256?: string;
  readonly sha512?: string;
}

/** The keys and threshold that a role's metadata must be signed with. */
export interface RoleKeys {
  readonly keyids: readonly string[];
  readonly threshold: number;
}

export interface Root extends SignedHead {
  readonly type: "root";
  readonly consistentSnapshot: boolean;
  readonly keys: ReadonlyMap<string, PublicKey>;
  readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>;
}

/** What snapshot and timestamp say of another metadata file. */
export interface MetaFile {
  readonly version: number;
  readonly lengthBytes?: number;
  readonly hashes?: FileHashes;
}

export interface Timestamp extends SignedHead {
  readonly type: "timestamp";
  readonly snapshot: MetaFile;
}

export interface Snapshot extends SignedHead {
  readonly type: "snapshot";
  /** By role name, without `.json`: `targets` and every delegated role. */
  readonly roles: ReadonlyMap<string, MetaFile>;
}

/** A target as signed: length in bytes, digests, and whatever the signer added. */
export interface TargetFile {
  readonly lengthBytes: number;
  readonly hashes: FileHashes;
  readonly custom: JsonObject;
}

/** Which target paths a delegation covers: globs, or hex prefixes of the path's SHA-256. */
export type DelegatedPaths =
  | { readonly kind: "globs"; readonly globs: readonly string[] }
  | { readonly kind: "hash-prefixes"; readonly prefixes: readonly string[] };

export interface DelegatedRole extends RoleKeys {
  readonly name: string;
  readonly terminating: boolean;
  readonly paths: DelegatedPaths;
}

export interface Delegations {
  readonly keys: ReadonlyMap<string, PublicKey>;
  /** In order of priority. */
  readonly roles: readonly DelegatedRole[];
}

export interface Targets extends SignedHead {
  readonly type: "targets";
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly delegations: Delegations | null;
}

/** Metadata with its signatures. `bytes` is what was received and is what gets stored; `signedBytes` is what was signed. */
export interface Metadata<T> {
  readonly signed: T;
  /** The signed part as JSON, unknown fields included. */
  readonly json: JsonObject;
  readonly signedBytes: Uint8Array;
  readonly signatures: readonly KeySignature[];
  readonly bytes: Uint8Array;
}
