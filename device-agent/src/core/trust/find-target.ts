/**
 * The search for a target through the delegations: TUF client workflow 5.6.7 (specification 1.0.34).
 * Pre-order, depth first, in the order of the delegator's list; a role is visited once, a terminating one ends the
 * search, and the number of roles is bounded. A stored role is verified against whoever delegates to it NOW.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Delegations, Metadata, TargetFile, Targets } from "@flotilla/protocol/tuf/metadata";
import { coversPath } from "@flotilla/protocol/tuf/path-match";
import { delegatedAuthority, type RoleAuthority } from "@flotilla/protocol/tuf/threshold";
import { type TrustContext, type TrustedView, updateTargetsFile } from "./refresh.ts";
import { verifyTargets } from "./verify-metadata.ts";

/** What the trusted metadata says of `path`, or null if no role that may speak of it does. */
export async function findTargetFile(
  context: TrustContext,
  view: TrustedView,
  path: string,
): Promise<TargetFile | null> {
  const visited = new Set<string>(["targets"]);
  const own = view.targets.signed.targets.get(path);
  if (own !== undefined) return own;
  // The roles still to visit; the next one is the last.
  const waiting = delegatedFor(view.targets.signed.delegations, path).reverse();
  for (let by = waiting.pop(); by !== undefined; by = waiting.pop()) {
    // 5.6.7.1: a role that was visited is skipped, which also ends cycles; too many roles end the search.
    if (visited.has(by.role)) continue;
    if (visited.size > context.limits.delegatedRoles) throw tooManyRoles(path, context.limits.delegatedRoles);
    visited.add(by.role);
    const role = await loadDelegated(context, view, by);
    const found = role.signed.targets.get(path);
    if (found !== undefined) return found;
    // 5.6.7.2: what this role delegates comes before its siblings; a terminating delegation leaves nothing after it.
    const children = delegatedFor(role.signed.delegations, path);
    if (children.at(-1)?.terminating) waiting.length = 0;
    waiting.push(...children.reverse());
  }
  return null;
}

interface Delegate extends RoleAuthority {
  readonly terminating: boolean;
}

/** The roles that a delegator trusts for `path`, in order, up to and including the first terminating one. */
function delegatedFor(delegations: Delegations | null, path: string): Delegate[] {
  const found: Delegate[] = [];
  for (const { name, paths, terminating } of delegations?.roles ?? []) {
    const authority = coversPath(paths, path) ? delegatedAuthority(delegations, name) : null;
    if (authority === null) continue;
    found.push({ ...authority, terminating });
    if (terminating) break;
  }
  return found;
}

async function loadDelegated(context: TrustContext, view: TrustedView, by: RoleAuthority): Promise<Metadata<Targets>> {
  const snapshot = view.snapshot.signed;
  const verify = (bytes: Uint8Array) => verifyTargets(bytes, by, snapshot, view.startMs);
  return await updateTargetsFile(context, by.role, view.root.signed, snapshot, verify, () => undefined);
}

function tooManyRoles(path: string, bound: number): FlotillaError {
  return new FlotillaError(
    "INTEGRITY_NOT_FOUND",
    `More than ${bound} delegated roles would have to be asked for ${JSON.stringify(path)}; the search stops there.`,
    { details: { step: "5.6.7.1", path, bound } },
  );
}
