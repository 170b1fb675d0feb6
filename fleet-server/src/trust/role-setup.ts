/** Who signs a role: keys and how many of them. Checked before anything is written, because a root is forever. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import { keyIdOf, keyMaterialOf, type PublicKey } from "@flotilla/protocol/public-key";
import type { RoleAuthority } from "@flotilla/protocol/tuf/threshold";

export interface RoleSetup {
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
}

/** @throws CONFIG_INVALID for unusable keys, repeated keys, or a threshold that the keys cannot meet */
export function assertRoleSetup(role: string, { keys, threshold }: RoleSetup): void {
  const identities = keys.map((key) => keyMaterialOf(key)?.identity);
  const different = new Set(identities).size;
  if (identities.includes(undefined)) throw invalid(role, "keys are Ed25519 or ECDSA P-256");
  if (different !== keys.length) throw invalid(role, "a key is listed once");
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > different) {
    throw invalid(role, `the threshold lies between 1 and its ${different} keys, found ${threshold}`);
  }
}

/** `{keyids, threshold}` as metadata writes it. */
export function roleKeysJson({ keys, threshold }: RoleSetup): JsonObject {
  return { keyids: keys.map(keyIdOf), threshold };
}

/** Keys by their ids as metadata writes them. */
export function keysJson(setups: readonly RoleSetup[]): Record<string, PublicKey> {
  return Object.fromEntries(setups.flatMap(({ keys }) => keys.map((key) => [keyIdOf(key), key])));
}

/** The setup that an authority amounts to. */
export function setupOf({ keys, threshold }: RoleAuthority): RoleSetup {
  return { keys: [...keys.values()], threshold };
}

function invalid(role: string, rule: string): FlotillaError {
  return new FlotillaError("CONFIG_INVALID", `The role ${role} cannot be set up so: ${rule}.`, { details: { role } });
}
