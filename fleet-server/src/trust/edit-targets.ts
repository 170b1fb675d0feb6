/**
 * Changing targets metadata, top-level or delegated (TUF specification §4.5): targets in and out, delegations in and out.
 * The first change to a published role stages its next version; further ones go into the same staged file.
 */
import { releaseRole, releaseRolePaths } from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import { parseTargets } from "@flotilla/protocol/tuf/parse-targets";
import { coversPath } from "@flotilla/protocol/tuf/path-match";
import { expiryText, signedHead } from "./metadata-bytes.ts";
import { readRepository } from "./repository-state.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";
import { assertRoleSetup, keysJson, type RoleSetup, roleKeysJson } from "./role-setup.ts";
import { readFutureRepository, readStaged, stage } from "./staging.ts";
import { storeTarget, type TargetSource } from "./target-source.ts";

/** Who signs a delegated role, and for which paths. Delegations are terminating: a path has one owner. */
export interface DelegationSetup extends RoleSetup {
  readonly paths: readonly string[];
}

/** Targets metadata with nothing in it. */
export function emptyTargetsJson(version: number, expiresMs: number): JsonObject {
  return { ...signedHead("targets", version, expiresMs), targets: {} };
}

/**
 * Stages a delegation from the top-level targets, in the place of an older one of that name, or behind the others.
 * The role gets no metadata of its own by this.
 */
export async function setDelegation(
  store: TrustRepositoryStore,
  role: string,
  setup: DelegationSetup,
  targetsExpiresMs: number,
): Promise<void> {
  assertRoleSetup(role, setup);
  await editDelegations(store, targetsExpiresMs, ({ keys, roles }) => {
    const entry = { name: role, ...roleKeysJson(setup), paths: [...setup.paths], terminating: true };
    const at = roles.findIndex(({ name }) => name === role);
    const next = at < 0 ? [...roles, entry] : roles.with(at, entry);
    return { keys: { ...keys, ...keysJson([setup]) }, roles: next };
  });
}

/** Stages the end of a delegation: nothing that the role signs is trusted any more. @throws IO_NOT_FOUND */
export async function removeDelegation(
  store: TrustRepositoryStore,
  role: string,
  targetsExpiresMs: number,
): Promise<void> {
  await editDelegations(store, targetsExpiresMs, ({ keys, roles }) => {
    const next = roles.filter(({ name }) => name !== role);
    if (next.length === roles.length) {
      throw new FlotillaError("IO_NOT_FOUND", `The targets metadata delegates no role ${role}.`, { details: { role } });
    }
    return { keys, roles: next };
  });
}

/** Stages the delegation of a model's releases and, if it is new, the role's empty first version. */
export async function delegateRelease(
  store: TrustRepositoryStore,
  model: string,
  setup: RoleSetup,
  expires: { readonly targetsMs: number; readonly roleMs: number },
): Promise<void> {
  const role = releaseRole(model);
  await setDelegation(store, role, { ...setup, paths: releaseRolePaths(model) }, expires.targetsMs);
  if (!(await readFutureRepository(store)).targets.has(role)) {
    await stage(store, role, emptyTargetsJson(1, expires.roleMs));
  }
}

/**
 * Stages targets of a role, in the place of older ones of the same path; content given as bytes or file is stored.
 * @throws CONFIG_INVALID if the role is not delegated one of the paths
 */
export async function addTargets(
  store: TrustRepositoryStore,
  role: string,
  sources: readonly TargetSource[],
  expiresMs: number,
): Promise<void> {
  const { targets } = await readFutureRepository(store);
  const delegations = [...targets.values()].flatMap(({ signed }) => signed.delegations?.roles ?? []);
  const delegation = delegations.find(({ name }) => name === role);
  for (const { path } of sources) {
    if (role === "targets" || (delegation !== undefined && coversPath(delegation.paths, path))) continue;
    throw new FlotillaError("CONFIG_INVALID", `The role ${role} may not sign ${path}.`, { details: { role, path } });
  }
  const entries: Record<string, JsonValue> = {};
  for (const source of sources) {
    const { lengthBytes, sha256 } = await storeTarget(store, source);
    entries[source.path] = {
      length: lengthBytes,
      hashes: { sha256 },
      ...(source.custom === undefined ? {} : { custom: source.custom }),
    };
  }
  await editTargets(store, role, expiresMs, (json) => ({
    ...json,
    targets: { ...objectField(json, "targets"), ...entries },
  }));
}

/** Stages the end of targets: clients no longer accept them for new installations. */
export async function removeTargets(
  store: TrustRepositoryStore,
  role: string,
  paths: readonly string[],
  expiresMs: number,
): Promise<void> {
  await editTargets(store, role, expiresMs, (json) => {
    const left = Object.entries(objectField(json, "targets")).filter(([path]) => !paths.includes(path));
    return { ...json, targets: Object.fromEntries(left) };
  });
}

/** Stages the next version of a role with a later expiry and no other change. */
export async function renewTargets(store: TrustRepositoryStore, role: string, expiresMs: number): Promise<void> {
  await editTargets(store, role, expiresMs, (json) => json);
}

interface DelegationsJson {
  readonly keys: JsonObject;
  readonly roles: readonly JsonObject[];
}

async function editDelegations(
  store: TrustRepositoryStore,
  expiresMs: number,
  change: (delegations: DelegationsJson) => DelegationsJson,
): Promise<void> {
  await editTargets(store, "targets", expiresMs, (json) => {
    const held = objectField(json, "delegations");
    const heldRoles = Array.isArray(held.roles) ? held.roles.filter(isJsonObject) : [];
    const { keys, roles } = change({ keys: objectField(held, "keys"), roles: heldRoles });
    const used = new Set(roles.flatMap(({ keyids }) => (Array.isArray(keyids) ? keyids : [])));
    const keysInUse = Object.fromEntries(Object.entries(keys).filter(([keyid]) => used.has(keyid)));
    return { ...json, delegations: { ...held, keys: keysInUse, roles } };
  });
}

async function editTargets(
  store: TrustRepositoryStore,
  role: string,
  expiresMs: number,
  change: (json: JsonObject) => JsonObject,
): Promise<void> {
  const published = (await readRepository(store)).targets.get(role);
  const staged = await readStaged(store, role);
  const version = (published?.signed.version ?? 0) + 1;
  const base = staged !== null ? parseTargets(staged).json : (published?.json ?? emptyTargetsJson(version, expiresMs));
  await stage(store, role, { ...change(base), version, expires: expiryText(expiresMs) });
}

function objectField(object: JsonObject, field: string): JsonObject {
  const value = Object.hasOwn(object, field) ? object[field] : undefined;
  return isJsonObject(value) ? value : {};
}
