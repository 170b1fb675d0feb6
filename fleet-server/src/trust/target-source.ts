/**
 * Where a target's content comes from, and how it gets into the repository: under `targets/`, named by its digest
 * (consistent snapshots, TUF specification §6.2.1), so that old and new content of a path lie side by side.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import { consistentTargetPath } from "@flotilla/protocol/tuf/role-file-name";
import { ioFailure } from "./atomic-file.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";

/** A target: its path, what the signer adds, and its content as bytes, as a file, or only known by digest. */
export type TargetSource = { readonly path: string; readonly custom?: JsonObject } & (
  | { readonly bytes: Uint8Array }
  | { readonly file: string }
  | { readonly lengthBytes: number; readonly sha256: string }
);

interface Measured {
  readonly lengthBytes: number;
  readonly sha256: string;
}

/** Stores a target's content unless it is only known by digest; returns what is to be signed of it. */
export async function storeTarget(store: TrustRepositoryStore, source: TargetSource): Promise<Measured> {
  if ("sha256" in source) return { lengthBytes: source.lengthBytes, sha256: source.sha256 };
  if ("bytes" in source) {
    const measured = { lengthBytes: source.bytes.length, sha256: sha256Hex(source.bytes) };
    await store.create(targetName(source.path, measured.sha256), source.bytes);
    return measured;
  }
  const measured = await measureFile(source.file);
  await store.create(targetName(source.path, measured.sha256), sameContent(source.file, measured));
  return measured;
}

/** Where a target of that digest lies in the store. */
export function targetName(path: string, sha256: string): string {
  return `targets/${consistentTargetPath(path, sha256)}`;
}

async function measureFile(file: string): Promise<Measured> {
  const hash = createHash("sha256");
  let lengthBytes = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk);
      lengthBytes += chunk.length;
    }
  } catch (error) {
    throw ioFailure(file, error);
  }
  return { lengthBytes, sha256: hash.digest("hex") };
}

/** The file's chunks once more; ends in an error if it is no longer the file that was measured. */
async function* sameContent(file: string, { sha256 }: Measured): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest("hex") !== sha256) {
    throw new FlotillaError("INTEGRITY_DIGEST", `${file} changed while it was added.`, { details: { path: file } });
  }
}
