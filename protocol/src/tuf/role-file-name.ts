/**
 * How roles and targets are named as files and in URLs. A role's name is percent-encoded into ONE path segment, so that
 * `../x` or `a/b` can never leave the folder; the unreserved characters are those of RFC 3986.
 */

/** `name` as one path segment: everything but letters, digits, `-._~` is percent-encoded. */
export function encodeSegment(name: string): string {
  return encodeURIComponent(name).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The metadata file of a role: `targets.json`, or `7.targets.json` when a version is given (specification §6.2). */
export function roleFileName(role: string, version?: number): string {
  const prefix = version === undefined ? "" : `${version}.`;
  return `${prefix}${encodeSegment(role)}.json`;
}

/** Where a target lies under consistent snapshots: the digest goes before the last path segment (specification §6.2.1). */
export function consistentTargetPath(path: string, digest: string): string {
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}${digest}.${path.slice(slash)}`;
}
