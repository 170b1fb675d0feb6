/**
 * Files that are there whole or not at all, also after a power cut: temporary file beside the target, fsync, rename,
 * fsync of the folder (facts: write order for every state change). Folders cannot be synced on Windows; there the
 * rename is what the file system gives.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";

export type FileContent = Uint8Array | AsyncIterable<Uint8Array>;

/** Replaces `path`; readers see the old content or the new one. Folders above are made. */
export async function replaceFile(path: string, content: FileContent, mode = 0o644): Promise<void> {
  await withTemporary(path, content, mode, async (temporary) => rename(temporary, path));
}

/** Creates `path` only if nothing is there. @returns false if there was something, which is left alone */
export async function createFile(path: string, content: FileContent, mode = 0o644): Promise<boolean> {
  return await withTemporary(path, content, mode, async (temporary) => {
    try {
      await linkOrCopy(temporary, path);
    } catch (error) {
      if (systemCodeOf(error) === "EEXIST") return false;
      throw error;
    }
    return true;
  });
}

/** A hard link fails if the name is taken, which makes creation atomic; file systems without links copy exclusively. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"].includes(systemCodeOf(error))) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

async function withTemporary<T>(
  path: string,
  content: FileContent,
  mode: number,
  settle: (temporary: string) => Promise<T>,
): Promise<T> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, "wx", mode);
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    const result = await settle(temporary);
    await syncFolder(folder);
    return result;
  } catch (error) {
    throw ioFailure(path, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The operating system's code for a failure, or an empty string. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** A failure of the file system as one of ours; what already is one passes through. */
export function ioFailure(path: string, error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error;
  const code = systemCodeOf(error);
  return new FlotillaError(
    code === "ENOENT" ? "IO_NOT_FOUND" : code === "EEXIST" ? "IO_EXISTS" : "IO_FAILED",
    `${basename(path)}: ${error instanceof Error ? error.message : String(error)}`,
    { details: { path, code }, cause: error },
  );
}
