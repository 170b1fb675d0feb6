/**
 * Which new root and targets metadata a repository takes: only what its clients will take too, so that a publication
 * can never lock a fleet out. Used by the engineer's publish and by the server's upload alike. Pure.
 * Rules: TUF specification 1.0.34 §5.3.4, §5.3.5, §5.6.3; versions never go down and one version has one body.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Metadata, Root, Targets } from "@flotilla/protocol/tuf/metadata";
import { parseRoot } from "@flotilla/protocol/tuf/parse-root";
import { parseTargets } from "@flotilla/protocol/tuf/parse-targets";
import { assertThreshold, rootAuthority } from "@flotilla/protocol/tuf/threshold";
import { authorityOf, metadataName, type RepositoryState, requireRoot } from "./repository-state.ts";

/** A metadata file that wants in. */
export interface Candidate {
  readonly role: string;
  readonly bytes: Uint8Array;
}

/** What is admitted: the state with it, and the files to write, in an order that is safe at every step. */
export interface Admission {
  readonly state: RepositoryState;
  readonly files: readonly { readonly name: string; readonly role: string; readonly bytes: Uint8Array }[];
}

/**
 * Checks candidates against the state and each other.
 * @throws INTEGRITY_SIGNATURE, INTEGRITY_ROLLBACK, INTEGRITY_EXPIRED, INTEGRITY_METADATA; ROLLOUT_CONFLICT if a version
 *   exists with other content
 */
export function planAdmission(state: RepositoryState, candidates: readonly Candidate[], nowMs: number): Admission {
  const roots = candidates
    .filter(({ role }) => role === "root")
    .map(({ bytes }) => parseRoot(bytes))
    .sort((a, b) => a.signed.version - b.signed.version);
  let root = state.root;
  const newRoots: Metadata<Root>[] = [];
  for (const next of roots) {
    if (root !== null && isSame("root", next, root)) continue;
    assertFollows(next, root);
    newRoots.push(next);
    root = next;
  }
  const targets = new Map(state.targets);
  const newTargets: { role: string; metadata: Metadata<Targets> }[] = [];
  for (const { role, bytes } of candidates) {
    if (role === "root") continue;
    assertIsTargetsRole(role);
    const metadata = parseTargets(bytes);
    const held = state.targets.get(role);
    if (held !== undefined && isSame(role, metadata, held)) continue;
    assertNewer(role, metadata.signed.version, held?.signed.version ?? 0);
    targets.set(role, metadata);
    newTargets.push({ role, metadata });
  }
  const next: RepositoryState = { ...state, root, targets };
  assertSound(next);
  for (const { role, metadata } of newTargets) assertNotExpired(role, metadata, nowMs);
  if (root !== null && newRoots.length > 0) assertNotExpired("root", root, nowMs);
  // Delegated roles before the top level, so a delegation never names what is not there yet; roots first of all.
  newTargets.sort((a, b) => Number(a.role === "targets") - Number(b.role === "targets"));
  const files = [...newRoots.map((metadata) => ({ role: "root", metadata })), ...newTargets].map(
    ({ role, metadata }) => ({ name: metadataName(role, metadata.signed.version), role, bytes: metadata.bytes }),
  );
  return { state: next, files };
}

/** Every role of the state is signed as its delegator in the SAME state asks. */
export function assertSound(state: RepositoryState): void {
  requireRoot(state);
  for (const [role, metadata] of state.targets) {
    const authority = authorityOf(state, role);
    if (authority === null) continue; // no longer delegated: stays listed, nobody asks for it
    assertThreshold(metadata, authority, "5.6.3");
  }
}

/** 5.3.4 and 5.3.5, as a client will see it. The very first root answers only to itself. */
function assertFollows(next: Metadata<Root>, current: Metadata<Root> | null): void {
  if (current !== null) {
    assertThreshold(next, rootAuthority(current.signed, "root"), "5.3.4");
    assertNewer("root", next.signed.version, current.signed.version);
    if (next.signed.version !== current.signed.version + 1) {
      throw new FlotillaError(
        "INTEGRITY_METADATA",
        `Root version ${next.signed.version} skips versions; the repository has ${current.signed.version}.`,
        { details: { step: "5.3.5", found: next.signed.version, expected: current.signed.version + 1 } },
      );
    }
  }
  assertThreshold(next, rootAuthority(next.signed, "root"), "5.3.4");
}

type Versioned = Metadata<{ readonly version: number; readonly expiresMs: number }>;

/** Whether a candidate is what is there already; the same version with another signed part is refused. */
function isSame(role: string, candidate: Versioned, held: Versioned): boolean {
  if (candidate.signed.version !== held.signed.version) return false;
  const same = Buffer.compare(candidate.bytes, held.bytes) === 0;
  if (same) return true;
  throw new FlotillaError(
    "ROLLOUT_CONFLICT",
    `Version ${held.signed.version} of ${role} is published already with other content; make a newer version.`,
    { details: { role, version: held.signed.version } },
  );
}

function assertNewer(role: string, found: number, held: number): void {
  if (found > held) return;
  throw new FlotillaError("INTEGRITY_ROLLBACK", `The ${role} metadata has version ${found}; published is ${held}.`, {
    details: { role, found, floor: held },
  });
}

function assertIsTargetsRole(role: string): void {
  if (role !== "snapshot" && role !== "timestamp") return;
  throw new FlotillaError("INTEGRITY_METADATA", `The ${role} role is signed where the repository is served.`, {
    details: { role },
  });
}

function assertNotExpired(role: string, { signed }: Versioned, nowMs: number): void {
  if (signed.expiresMs > nowMs) return;
  throw new FlotillaError(
    "INTEGRITY_EXPIRED",
    `The ${role} metadata has expired already; sign it with a later expiry.`,
    {
      details: { role, expiresMs: signed.expiresMs },
    },
  );
}
