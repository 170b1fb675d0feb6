/** A release on disk: `release.json` and `blobs/<digest>.<extension>`; written beside its place and moved there whole. */
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { CreatedRelease } from "./create-release.ts";

/** @throws IO_EXISTS if the folder is there, IO_FAILED */
export async function writeReleaseFolder(folder: string, created: CreatedRelease): Promise<void> {
  if (await exists(folder)) {
    throw new FlotillaError(
      "IO_EXISTS",
      `${folder} is there already; a release is never overwritten. Choose another folder.`,
      { details: { path: folder } },
    );
  }
  const partial = `${path.resolve(folder)}.partial-${process.pid}`;
  try {
    await mkdir(path.join(partial, "blobs"), { recursive: true });
    for (const [name, bytes] of created.blobs) await writeFile(path.join(partial, "blobs", name), bytes);
    await writeFile(path.join(partial, "release.json"), created.bytes);
    await rename(partial, folder);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    if (cause instanceof FlotillaError) throw cause;
    throw new FlotillaError("IO_FAILED", `The release cannot be written to ${folder}.`, {
      cause,
      details: { path: folder },
    });
  }
}

const exists = async (folder: string): Promise<boolean> =>
  stat(folder).then(
    () => true,
    () => false,
  );
