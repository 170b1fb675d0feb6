/**
 * Which delegated roles are trusted for a target path (TUF specification §4.5, PATHPATTERN and path_hash_prefixes).
 * `*` and `?` never cross a `/`, case always matters, and matching takes linear time in pattern times path.
 */
import { sha256Hex } from "../digest.ts";
import type { DelegatedPaths } from "./metadata.ts";

/** Whether a delegation covers `path`. */
export function coversPath(paths: DelegatedPaths, path: string): boolean {
  if (paths.kind === "globs") return paths.globs.some((glob) => matchesGlob(glob, path));
  const digest = sha256Hex(new TextEncoder().encode(path));
  return paths.prefixes.some((prefix) => prefix !== "" && digest.startsWith(prefix.toLowerCase()));
}

/** Whether a glob matches a whole path, segment by segment. */
export function matchesGlob(glob: string, path: string): boolean {
  const globs = glob.split("/");
  const segments = path.split("/");
  return globs.length === segments.length && globs.every((part, i) => matchesSegment(part, segments[i] ?? ""));
}

/** Greedy matching with a single point to return to: the last `*`. */
function matchesSegment(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (g < glob.length && glob[g] === "*") {
      star = g++;
      starText = t;
    } else if (g < glob.length && (glob[g] === "?" || glob[g] === text[t])) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}
