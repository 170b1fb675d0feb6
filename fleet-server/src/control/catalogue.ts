/**
 * What the published repository holds, as its clients find it: targets by path through the delegations of the top
 * level in their order, and the release documents among them. One level of delegation: ours go no deeper.
 */
import { parseDocument } from "@flotilla/protocol/documents/document";
import { type Release, type ReleaseCustom, releaseDocument } from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { TargetFile } from "@flotilla/protocol/tuf/metadata";
import { coversPath } from "@flotilla/protocol/tuf/path-match";
import type { BlobStore } from "../ports/blobs.ts";
import type { PublishedRelease, PublishedTarget } from "../ports/release-catalogue.ts";
import type { RepositoryState } from "../trust/repository-state.ts";

export interface CatalogueContent {
  readonly targets: ReadonlyMap<string, PublishedTarget>;
  /** By `model/release`. */
  readonly releases: ReadonlyMap<string, PublishedRelease>;
  /** Ids of the keys that may sign directives. */
  readonly directiveKeys: ReadonlySet<string>;
}

export const emptyCatalogue: CatalogueContent = { targets: new Map(), releases: new Map(), directiveKeys: new Set() };

const releasePath = /^models\/([^/]+)\/([^/]+)\.release\.json$/;
/** A release with thousands of operators and labels stays far below. */
const maxReleaseBytes = 8 * 1024 * 1024;

/** @throws FORMAT_*, IO_NOT_FOUND if a release document is not one, or not here */
export async function readCatalogue(
  state: RepositoryState,
  blobs: BlobStore,
  directiveRole: string,
): Promise<CatalogueContent> {
  const found = new Map<string, TargetFile>();
  const top = state.targets.get("targets")?.signed;
  for (const [path, file] of top?.targets ?? []) found.set(path, file);
  for (const role of top?.delegations?.roles ?? []) {
    for (const [path, file] of state.targets.get(role.name)?.signed.targets ?? []) {
      if (!found.has(path) && coversPath(role.paths, path)) found.set(path, file);
    }
  }
  const targets = new Map<string, PublishedTarget>();
  const releases = new Map<string, PublishedRelease>();
  for (const [path, file] of found) {
    const digest = file.hashes.sha256;
    if (digest === undefined) continue;
    targets.set(path, { digest, sizeBytes: file.lengthBytes });
    const [, model, id] = releasePath.exec(path) ?? [];
    if (model === undefined || id === undefined) continue;
    const release = await readRelease(path, digest, file.lengthBytes, blobs);
    const { counter, minCounter } = customOf(file, release);
    releases.set(`${model}/${id}`, { release, counter, minCounter });
  }
  const directiveKeys = top?.delegations?.roles.find(({ name }) => name === directiveRole)?.keyids ?? [];
  return { targets, releases, directiveKeys: new Set(directiveKeys) };
}

/**
 * Reads a release document and checks that it is the one that its path says, and that its files are here.
 * @throws FORMAT_*, IO_NOT_FOUND
 */
export async function readRelease(path: string, digest: string, sizeBytes: number, blobs: BlobStore): Promise<Release> {
  if (sizeBytes > maxReleaseBytes) {
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `${path} has ${sizeBytes} bytes, a release has at most ${maxReleaseBytes}.`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of await blobs.read(digest)) chunks.push(chunk);
  const release = parseDocument(releaseDocument, parseStrictJson(Buffer.concat(chunks), { maxBytes: maxReleaseBytes }));
  const [, model, id] = releasePath.exec(path) ?? [];
  if (release.model !== model || release.release !== id) {
    throw new FlotillaError("FORMAT_DOCUMENT", `${path} holds release ${release.release} of ${release.model}.`, {
      details: { path, model: release.model, release: release.release },
    });
  }
  const needed = release.variants.flatMap((variant) => [
    { digest: variant.digest, sizeBytes: variant.sizeBytes },
    { digest: variant.golden.digest, sizeBytes: variant.golden.sizeBytes },
  ]);
  const missing: string[] = [];
  for (const blob of needed) if ((await blobs.sizeOf(blob.digest)) !== blob.sizeBytes) missing.push(blob.digest);
  if (missing.length > 0) {
    throw new FlotillaError("IO_NOT_FOUND", `${path} names files that have not been uploaded.`, {
      details: { path, missing },
    });
  }
  return release;
}

export const isReleasePath = (path: string): boolean => releasePath.test(path);

/** The counters as the target's custom metadata repeats them; without them nothing below the release's own is allowed. */
function customOf(file: TargetFile, release: Release): ReleaseCustom {
  const { counter, minCounter } = file.custom;
  return {
    counter: typeof counter === "number" ? counter : release.counter,
    minCounter: typeof minCounter === "number" ? minCounter : 0,
  };
}
