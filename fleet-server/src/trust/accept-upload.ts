/**
 * The server's door for metadata signed elsewhere: root and targets roles come in as files, are admitted by the rules
 * that clients follow, and only if the content of every target they name is already here (facts: row S4).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseTargets } from "@flotilla/protocol/tuf/parse-targets";
import { type Candidate, planAdmission } from "./admission.ts";
import { metadataName, parseVersionedName, readRepository } from "./repository-state.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";
import { writeAdmitted } from "./staging.ts";

/** Whether the content of a target is stored, with that digest and length. */
export type HasContent = (target: {
  readonly path: string;
  readonly sha256: string;
  readonly lengthBytes: number;
}) => Promise<boolean>;

/**
 * Takes metadata files by their published names (`2.root.json`, `5.release-digits.json`).
 * The first root of an empty store is taken as it comes: who may call this then is the caller's matter.
 * @returns the names of files that are new
 * @throws INTEGRITY_* if a client would refuse it; IO_NOT_FOUND listing targets whose content is missing; ROLLOUT_CONFLICT
 */
export async function acceptUpload(
  store: TrustRepositoryStore,
  files: ReadonlyMap<string, Uint8Array>,
  hasContent: HasContent,
  nowMs: number,
): Promise<readonly string[]> {
  const candidates: Candidate[] = [];
  for (const [name, bytes] of files) {
    const parsed = parseVersionedName(name);
    if (parsed === null) {
      throw new FlotillaError("INTEGRITY_METADATA", `"${name}" is not the name of a versioned metadata file.`);
    }
    const held = await store.read(metadataName(parsed.role, parsed.version));
    if (held !== null && Buffer.compare(held, bytes) === 0) continue; // here already, whatever came after it
    candidates.push({ role: parsed.role, bytes });
  }
  const admission = planAdmission(await readRepository(store), candidates, nowMs);
  const missing: { path: string; sha256: string }[] = [];
  for (const { role, bytes } of admission.files) {
    if (role === "root") continue;
    for (const [path, { lengthBytes, hashes }] of parseTargets(bytes).signed.targets) {
      const sha256 = hashes.sha256 ?? "";
      if (!(await hasContent({ path, sha256, lengthBytes }))) missing.push({ path, sha256 });
    }
  }
  if (missing.length > 0) {
    throw new FlotillaError("IO_NOT_FOUND", `The content of ${missing.length} targets has not been uploaded yet.`, {
      details: missing,
    });
  }
  await writeAdmitted(store, admission.files);
  return admission.files.map(({ name }) => name);
}
