/**
 * Parses targets metadata, top-level or delegated (TUF specification §4.5): targets with their digests, and delegations.
 * Delegated roles may not carry the name of a top-level role, in any case: their file would replace that role's.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../json-value.ts";
import {
  fieldOf,
  malformed,
  readArray,
  readBoolean,
  readHashes,
  readInteger,
  readKeys,
  readObject,
  readRoleKeys,
  readText,
  readTexts,
} from "./fields.ts";
import type { DelegatedPaths, DelegatedRole, Delegations, Metadata, TargetFile, Targets } from "./metadata.ts";
import { topLevelRoles } from "./metadata.ts";
import { parseMetadata } from "./parse-envelope.ts";
import { roleFileName } from "./role-file-name.ts";

const maxFileNameBytes = 200; // leaves room for a version prefix within the 255 of common file systems

/** @throws INTEGRITY_METADATA if the bytes are not well-formed targets metadata */
export function parseTargets(bytes: Uint8Array): Metadata<Targets> {
  return parseMetadata(bytes, "targets", (signed, head) => ({
    type: "targets",
    ...head,
    targets: readTargets(readObject(signed, "targets", "targets")),
    delegations:
      fieldOf(signed, "delegations") === undefined
        ? null
        : readDelegations(readObject(signed, "delegations", "targets")),
  }));
}

function readTargets(targets: JsonObject): ReadonlyMap<string, TargetFile> {
  return new Map(
    Object.keys(targets).map((path) => {
      const where = `targets.${path}`;
      const target = readObject(targets, path, "targets");
      const custom = fieldOf(target, "custom") === undefined ? {} : readObject(target, "custom", where);
      return [
        path,
        { lengthBytes: readInteger(target, "length", where, 0), hashes: readHashes(target, where), custom },
      ];
    }),
  );
}

function readDelegations(delegations: JsonObject): Delegations {
  const where = "targets.delegations";
  const roles = readArray(delegations, "roles", where).map(readDelegatedRole);
  if (new Set(roles.map(({ name }) => name)).size !== roles.length) {
    throw malformed(`${where}.roles`, "free of repeated names");
  }
  return { keys: readKeys(delegations, where), roles };
}

function readDelegatedRole(value: JsonValue): DelegatedRole {
  if (!isJsonObject(value)) throw malformed("targets.delegations.roles", "an array of objects", value);
  const name = readText(value, "name", "targets.delegations.roles");
  const where = `targets.delegations.${name}`;
  const taken = topLevelRoles.some((role) => role === name.toLowerCase());
  if (name === "" || taken) throw malformed(`${where}.name`, "a name that no top-level role has", name);
  if (roleFileName(name).length > maxFileNameBytes) throw malformed(`${where}.name`, "short enough for a file name");
  return {
    name,
    ...readRoleKeys(value, where),
    terminating: readBoolean(value, "terminating", where),
    paths: readPaths(value, where),
  };
}

function readPaths(role: JsonObject, where: string): DelegatedPaths {
  const byHash = fieldOf(role, "path_hash_prefixes") !== undefined;
  if (byHash === (fieldOf(role, "paths") !== undefined)) {
    throw malformed(where, "a role with either paths or path_hash_prefixes");
  }
  return byHash
    ? { kind: "hash-prefixes", prefixes: readTexts(role, "path_hash_prefixes", where) }
    : { kind: "globs", globs: readTexts(role, "paths", where) };
}
