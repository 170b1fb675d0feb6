/**
 * Making and changing root metadata (TUF specification §4.3, §6.1): who signs the four top-level roles.
 * Every change stages the next version; it takes effect once the old and the new keys have signed it.
 */

import { directiveRole } from "@flotilla/protocol/documents/control";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type TopLevelRole, topLevelRoles } from "@flotilla/protocol/tuf/metadata";
import { parseRoot } from "@flotilla/protocol/tuf/parse-root";
import { rootAuthority } from "@flotilla/protocol/tuf/threshold";
import { emptyTargetsJson, setDelegation } from "./edit-targets.ts";
import { signedHead } from "./metadata-bytes.ts";
import { readRepository, requireRoot } from "./repository-state.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";
import { assertRoleSetup, keysJson, type RoleSetup, roleKeysJson, setupOf } from "./role-setup.ts";
import { readStaged, stage } from "./staging.ts";

/** A new repository: who signs what, and until when its offline roles hold. */
export interface RepositorySetup {
  readonly roles: Readonly<Record<TopLevelRole, RoleSetup>>;
  /** Signs directives and the fleet index, online; delegated from targets, so it is revoked like any other role. */
  readonly directive?: RoleSetup;
  readonly rootExpiresMs: number;
  readonly targetsExpiresMs: number;
}

/**
 * Stages root 1 and targets 1 of a new repository.
 * @throws IO_EXISTS if the store holds a repository; CONFIG_INVALID for a setup that cannot work
 */
export async function initRepository(store: TrustRepositoryStore, setup: RepositorySetup): Promise<void> {
  const { root } = await readRepository(store);
  if (root !== null || (await readStaged(store, "root")) !== null) {
    throw new FlotillaError("IO_EXISTS", "There is a repository here already.");
  }
  await stageRoot(store, 1, setup.roles, setup.rootExpiresMs);
  await stage(store, "targets", emptyTargetsJson(1, setup.targetsExpiresMs));
  if (setup.directive === undefined) return;
  const delegation = { ...setup.directive, paths: ["directives/*"] };
  await setDelegation(store, directiveRole, delegation, setup.targetsExpiresMs);
}

/**
 * Stages the next root with other keys or another threshold for some roles; the others stay.
 * With no change in `roles` it only renews the expiry.
 */
export async function editRoot(
  store: TrustRepositoryStore,
  roles: Partial<Record<TopLevelRole, RoleSetup>>,
  expiresMs: number,
): Promise<void> {
  const published = requireRoot(await readRepository(store));
  const staged = await readStaged(store, "root");
  const base = staged === null ? published.signed : parseRoot(staged).signed;
  const setupFor = (role: TopLevelRole): RoleSetup => roles[role] ?? setupOf(rootAuthority(base, role));
  const setups = {
    root: setupFor("root"),
    timestamp: setupFor("timestamp"),
    snapshot: setupFor("snapshot"),
    targets: setupFor("targets"),
  };
  await stageRoot(store, published.signed.version + 1, setups, expiresMs);
}

async function stageRoot(
  store: TrustRepositoryStore,
  version: number,
  roles: Readonly<Record<TopLevelRole, RoleSetup>>,
  expiresMs: number,
): Promise<void> {
  for (const role of topLevelRoles) assertRoleSetup(role, roles[role]);
  await stage(store, "root", {
    ...signedHead("root", version, expiresMs),
    consistent_snapshot: true,
    keys: keysJson(topLevelRoles.map((role) => roles[role])),
    roles: Object.fromEntries(topLevelRoles.map((role) => [role, roleKeysJson(roles[role])])),
  });
}
