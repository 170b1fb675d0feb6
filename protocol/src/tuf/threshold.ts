/**
 * Whether metadata is signed as its delegator asks (TUF specification §4.2, §5.3.4 and the like).
 * A threshold counts different keys: the same key under two ids counts once, a repeated key id is refused by the parser.
 */
import { FlotillaError } from "../errors.ts";
import type { PublicKey } from "../public-key.ts";
import { countValidSignatures } from "../signature.ts";
import type { Delegations, Metadata, Root, TopLevelRole } from "./metadata.ts";

/** Who may sign a role, as its delegator says. */
export interface RoleAuthority {
  readonly role: string;
  readonly keys: ReadonlyMap<string, PublicKey>;
  readonly threshold: number;
}

/** Who may sign a top-level role, as `root` says. */
export function rootAuthority(root: Root, role: TopLevelRole): RoleAuthority {
  return authority(role, root.roles[role], root.keys);
}

/** Who may sign a delegated role, as its delegator says; null if it delegates no such role. */
export function delegatedAuthority(delegations: Delegations | null, role: string): RoleAuthority | null {
  const delegated = delegations?.roles.find(({ name }) => name === role);
  return delegations && delegated ? authority(role, delegated, delegations.keys) : null;
}

function authority(
  role: string,
  { keyids, threshold }: { readonly keyids: readonly string[]; readonly threshold: number },
  keys: ReadonlyMap<string, PublicKey>,
): RoleAuthority {
  const own = new Map<string, PublicKey>();
  for (const keyid of keyids) {
    const key = keys.get(keyid);
    if (key !== undefined) own.set(keyid, key);
  }
  return { role, keys: own, threshold };
}

/** How many different keys of the authority have validly signed. */
export function countSignatures(metadata: Metadata<unknown>, by: RoleAuthority): number {
  return countValidSignatures(metadata.signedBytes, metadata.signatures, by.keys);
}

/** @throws INTEGRITY_SIGNATURE below the threshold; `step` of the specification goes into the details */
export function assertThreshold(metadata: Metadata<unknown>, by: RoleAuthority, step: string): void {
  const valid = countSignatures(metadata, by);
  if (by.threshold < 1 || valid < by.threshold) {
    throw new FlotillaError(
      "INTEGRITY_SIGNATURE",
      `The ${by.role} metadata carries ${valid} valid signatures of its role's keys, expected ${by.threshold}.`,
      { details: { step, role: by.role, valid, threshold: by.threshold } },
    );
  }
}
