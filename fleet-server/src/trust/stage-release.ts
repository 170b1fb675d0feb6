/**
 * Stages a release folder (made by `flotilla release create`: `release.json` and blobs named by digest) as targets of
 * its model's release role, after checking every blob against the document. `counter` and `minCounter` go into the
 * target's custom metadata, which only release keys sign (design: formats.md, "Release document").
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { sha256Hex } from "@flotilla/protocol/digest";
import { parseDocument } from "@flotilla/protocol/documents/document";
import {
  blobTargetPath,
  type Release,
  releaseDocument,
  releaseRole,
  releaseTargetPath,
} from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { ioFailure } from "./atomic-file.ts";
import { addTargets } from "./edit-targets.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";
import type { TargetSource } from "./target-source.ts";

export interface StagedRelease {
  readonly model: string;
  readonly release: string;
  readonly role: string;
  readonly targets: readonly string[];
}

/** Files that a release folder holds, by what the release document calls for. */
export function releaseBlobs(
  release: Release,
): { readonly digest: string; readonly extension: "tflite" | "npz" | "json" }[] {
  return [
    ...release.variants.flatMap((variant) => [
      { digest: variant.digest, extension: "tflite" as const },
      { digest: variant.golden.digest, extension: "npz" as const },
    ]),
    { digest: release.provenance.digest, extension: "json" as const },
  ];
}

/** @throws IO_NOT_FOUND, FORMAT_DOCUMENT, INTEGRITY_DIGEST for a blob that is not what the document says, CONFIG_INVALID */
export async function stageRelease(
  store: TrustRepositoryStore,
  folder: string,
  options: { readonly minCounter: number; readonly expiresMs: number },
): Promise<StagedRelease> {
  const bytes = await readOrFail(path.join(folder, "release.json"));
  const release = parseDocument(releaseDocument, parseStrictJson(bytes));
  if (!Number.isSafeInteger(options.minCounter) || options.minCounter < 0 || options.minCounter > release.counter) {
    throw new FlotillaError(
      "CONFIG_INVALID",
      `minCounter is an integer from 0 to the release's counter ${release.counter}, found ${options.minCounter}.`,
    );
  }
  const sources: TargetSource[] = [];
  for (const { digest, extension } of releaseBlobs(release)) {
    const file = path.join(folder, "blobs", `${digest}.${extension}`);
    const found = sha256Hex(await readOrFail(file));
    if (found !== digest) {
      throw new FlotillaError(
        "INTEGRITY_DIGEST",
        `${file} has the digest ${found}; the release document says ${digest}.`,
      );
    }
    sources.push({ path: blobTargetPath(release.model, digest, extension), file });
  }
  sources.push({
    path: releaseTargetPath(release.model, release.release),
    bytes,
    custom: { counter: release.counter, minCounter: options.minCounter },
  });
  const role = releaseRole(release.model);
  await addTargets(store, role, sources, options.expiresMs);
  return { model: release.model, release: release.release, role, targets: sources.map((source) => source.path) };
}

async function readOrFail(file: string): Promise<Uint8Array> {
  return await readFile(file).catch((error: unknown) => {
    throw ioFailure(file, error);
  });
}
