/**
 * Metadata in the making: `staged/role.json`, in the metadata format, collecting signatures from several people until
 * it is complete. Editing staged metadata voids its signatures. Nothing here is seen by clients.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";
import type { Metadata, Root, Targets } from "@flotilla/protocol/tuf/metadata";
import { parseRoot } from "@flotilla/protocol/tuf/parse-root";
import { parseTargets } from "@flotilla/protocol/tuf/parse-targets";
import { roleFileName } from "@flotilla/protocol/tuf/role-file-name";
import { countSignatures, type RoleAuthority, rootAuthority } from "@flotilla/protocol/tuf/threshold";
import { type Candidate, planAdmission } from "./admission.ts";
import { encodeMetadata, signaturesOf } from "./metadata-bytes.ts";
import { authorityOf, type RepositoryState, readRepository } from "./repository-state.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";

/** How far the signatures of staged metadata have come. */
export interface SigningState {
  readonly role: string;
  readonly version: number;
  /** A root needs its own threshold and that of the root before it. */
  readonly needs: readonly { readonly by: string; readonly valid: number; readonly threshold: number }[];
  readonly complete: boolean;
}

const stagedName = (role: string): string => `staged/${roleFileName(role)}`;

/** Puts a signed part into staging, without signatures. */
export async function stage(store: TrustRepositoryStore, role: string, signed: JsonObject): Promise<void> {
  const bytes = encodeMetadata(signed, []);
  if (role === "root")
    parseRoot(bytes); // what a client could not read is refused here already
  else parseTargets(bytes);
  await store.replace(stagedName(role), bytes);
}

/** The staged file of a role, or null. */
export async function readStaged(store: TrustRepositoryStore, role: string): Promise<Uint8Array | null> {
  return await store.read(stagedName(role));
}

/** Everything staged. */
export async function stagedCandidates(store: TrustRepositoryStore): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const fileName of await store.list("staged")) {
    const bytes = await store.read(`staged/${fileName}`);
    const role = decodeURIComponent(fileName.slice(0, -".json".length));
    if (fileName.endsWith(".json") && bytes !== null) candidates.push({ role, bytes });
  }
  return candidates;
}

/** The repository as it will be once everything staged is published; signatures are not looked at. */
export async function readFutureRepository(store: TrustRepositoryStore): Promise<RepositoryState> {
  const state = await readRepository(store);
  const targets = new Map(state.targets);
  let root = state.root;
  for (const { role, bytes } of await stagedCandidates(store)) {
    if (role === "root") root = parseRoot(bytes);
    else targets.set(role, parseTargets(bytes));
  }
  return { ...state, root, targets };
}

/**
 * Adds signatures to staged metadata.
 * @throws IO_NOT_FOUND if nothing is staged for the role; CONFIG_INVALID if a signer has no say in it
 */
export async function signRole(
  store: TrustRepositoryStore,
  role: string,
  signers: readonly Signer[],
): Promise<SigningState> {
  const { metadata, authorities } = await openForSigning(store, role);
  for (const { keyid } of signers) {
    if (authorities.some(({ authority }) => authority.keys.has(keyid))) continue;
    throw new FlotillaError("CONFIG_INVALID", `The key ${keyid} has no say in the role ${role}.`, {
      details: { role, keyid, keyids: authorities.flatMap(({ authority }) => [...authority.keys.keys()]) },
    });
  }
  const added = await signaturesOf(metadata.json, signers);
  const kept = metadata.signatures.filter(({ keyid }) => !added.some((signature) => signature.keyid === keyid));
  await store.replace(stagedName(role), encodeMetadata(metadata.json, [...kept, ...added]));
  return await signingState(store, role);
}

/** How far the signatures of a staged role have come. @throws IO_NOT_FOUND */
export async function signingState(store: TrustRepositoryStore, role: string): Promise<SigningState> {
  const { metadata, authorities } = await openForSigning(store, role);
  const needs = authorities.map(({ by, authority }) => ({
    by,
    valid: countSignatures(metadata, authority),
    threshold: authority.threshold,
  }));
  const complete = needs.every(({ valid, threshold }) => valid >= threshold);
  return { role, version: metadata.signed.version, needs, complete };
}

/**
 * The engineer's half of publishing: moves everything staged into `metadata/`, if all of it is complete and consistent.
 * Can be repeated after a crash. Clients see it once snapshot and timestamp are signed (`online-roles.ts`).
 * @returns the names of the files written
 */
export async function publishStaged(store: TrustRepositoryStore, nowMs: number): Promise<readonly string[]> {
  const candidates = await stagedCandidates(store);
  const { files } = planAdmission(await readRepository(store), candidates, nowMs);
  await writeAdmitted(store, files);
  for (const { role } of candidates) await store.delete(stagedName(role));
  return files.map(({ name }) => name);
}

/** Writes admitted files in their order; a version that somebody else wrote meanwhile is a conflict. */
export async function writeAdmitted(
  store: TrustRepositoryStore,
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<void> {
  for (const { name, bytes } of files) {
    if (await store.create(name, bytes)) continue;
    const held = await store.read(name);
    if (held !== null && Buffer.compare(held, bytes) === 0) continue;
    throw new FlotillaError("ROLLOUT_CONFLICT", `${name} was published meanwhile with other content.`, {
      details: { name },
    });
  }
}

interface Opened {
  readonly metadata: Metadata<Root> | Metadata<Targets>;
  readonly authorities: readonly { readonly by: string; readonly authority: RoleAuthority }[];
}

async function openForSigning(store: TrustRepositoryStore, role: string): Promise<Opened> {
  const bytes = await readStaged(store, role);
  if (bytes === null) {
    throw new FlotillaError("IO_NOT_FOUND", `Nothing is staged for the role ${role}.`, { details: { role } });
  }
  if (role !== "root") {
    const authority = authorityOf(await readFutureRepository(store), role);
    const authorities = authority === null ? [] : [{ by: "its delegator", authority }];
    return { metadata: parseTargets(bytes), authorities };
  }
  const metadata = parseRoot(bytes);
  const { root: current } = await readRepository(store);
  const own = { by: `root ${metadata.signed.version}`, authority: rootAuthority(metadata.signed, "root") };
  if (current === null || current.signed.version >= metadata.signed.version) return { metadata, authorities: [own] };
  const before = { by: `root ${current.signed.version}`, authority: rootAuthority(current.signed, "root") };
  return { metadata, authorities: [before, own] };
}
