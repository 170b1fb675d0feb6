/**
 * Hands an engineer's signed repository to a fleet server: first the content of every target, then the metadata, so that
 * the server never holds metadata whose targets are missing (facts: trust-and-faults.md, row S4). Repeatable.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { newestVersions, readRepository } from "../trust/repository-state.ts";
import type { TrustRepositoryStore } from "../trust/repository-store.ts";
import { targetName } from "../trust/target-source.ts";
import type { FleetClient } from "./fleet-client.ts";

export interface UploadedRepository {
  /** Names of the metadata files that were new to the server. */
  readonly metadata: readonly string[];
  /** Target contents handed over. */
  readonly blobs: number;
}

/** @throws IO_NOT_FOUND if the content of a signed target is not here; what the server refuses, in its own words */
export async function publishRepository(store: TrustRepositoryStore, client: FleetClient): Promise<UploadedRepository> {
  const state = await readRepository(store);
  const contents = new Map<string, string>();
  for (const { signed } of state.targets.values()) {
    for (const [path, { hashes }] of signed.targets) {
      if (hashes.sha256 !== undefined) contents.set(hashes.sha256, targetName(path, hashes.sha256));
    }
  }
  for (const [sha256, name] of contents) {
    const bytes = await store.read(name);
    if (bytes === null)
      throw new FlotillaError("IO_NOT_FOUND", `The repository signs ${name} and does not hold it.`, {
        details: { name },
      });
    await client.putBlob(sha256, Uint8Array.from(bytes));
  }
  // The server wants every root in a row, and the newest of the other offline roles.
  const online = new Set(["snapshot", "timestamp"]);
  const newest = await newestVersions(store);
  const files: { name: string; base64: string }[] = [];
  for (const fileName of (await store.list("metadata")).toSorted()) {
    const match = /^(\d+)\.(.+)\.json$/.exec(fileName);
    const role = match?.[2];
    if (match === null || role === undefined || online.has(role)) continue;
    if (role !== "root" && newest.get(decodeURIComponent(role)) !== Number(match[1])) continue;
    const bytes = await store.read(`metadata/${fileName}`);
    if (bytes !== null) files.push({ name: fileName, base64: Buffer.from(bytes).toString("base64") });
  }
  const answer = await client.post<{ files?: readonly string[] }>("/v1/trust/files", { files });
  return { metadata: answer.files ?? files.map(({ name }) => name), blobs: contents.size };
}
