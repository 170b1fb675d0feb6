/**
 * Trusted metadata as files in one folder: temporary file, fsync, rename, fsync of the folder, so that a power cut
 * leaves the old bytes or the new ones (facts: write order for every state change).
 * Unreadable files count as absent; the trust client fetches them again.
 */
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { MetadataStore } from "../ports/metadata-store.ts";

/** The store over `folder`, which is made when first written to. Only one process may write to it. */
export function folderMetadataStore(folder: string): MetadataStore {
  const pathOf = (name: string): string => join(folder, name);
  return {
    async read(name) {
      try {
        return new Uint8Array(await readFile(pathOf(name)));
      } catch (error) {
        const code = codeOf(error);
        // A folder or an unreadable block in the file's place: gone for us, and replaced by the next write.
        if (code === "ENOENT" || code === "EISDIR" || code === "EIO") return null;
        throw failure(name, error);
      }
    },
    async write(name, bytes) {
      const path = pathOf(name);
      const temporary = pathOf(`.${name}.tmp`);
      try {
        await mkdir(folder, { recursive: true });
        await writeDurably(temporary, bytes);
        await rename(temporary, path);
        await syncFolder(dirname(path));
      } catch (error) {
        throw failure(name, error);
      }
    },
    async delete(name) {
      await rm(pathOf(name), { force: true, recursive: true });
    },
  };
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // folders cannot be synced there
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function failure(name: string, error: unknown): FlotillaError {
  return new FlotillaError("IO_FAILED", `The stored metadata ${name} cannot be read or written: ${codeOf(error)}.`, {
    details: { name, code: codeOf(error) },
    cause: error,
  });
}
