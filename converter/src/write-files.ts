/**
 * Writes a set of files all or nothing: each under a temporary name beside its place, then all are moved. When anything
 * fails, no temporary file stays, nor a folder that was made for them.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { WrittenFile } from "./writers/written-file.ts";

/** Bytes, or what gives them piece by piece. */
export type FileContent = Uint8Array | Pick<WrittenFile, "pieces">;

/** @throws IO_FAILED, and what a file throws while it is made */
export async function writeFiles(folder: string, files: ReadonlyMap<string, FileContent>): Promise<void> {
  const run = randomUUID();
  const temporary = (name: string) => join(folder, `.${name}.${run}.partial`);
  let made: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true });
    for (const name of files.keys()) await refuseFolder(join(folder, name));
    for (const [name, content] of files) await writeContent(temporary(name), content);
    for (const name of files.keys()) await rename(temporary(name), join(folder, name));
  } catch (cause) {
    for (const name of files.keys()) await rm(temporary(name), { force: true }).catch(() => undefined);
    if (made) await rmdir(folder).catch(() => undefined);
    if (cause instanceof FlotillaError) throw cause;
    const why = cause instanceof Error ? ` ${cause.message}` : "";
    throw new FlotillaError("IO_FAILED", `The files cannot be written to "${folder}".${why}`, {
      details: { folder },
      cause,
    });
  }
}

async function writeContent(path: string, content: FileContent): Promise<void> {
  if (content instanceof Uint8Array) return writeFile(path, content, { flush: true });
  const handle = await open(path, "wx");
  try {
    for (const piece of content.pieces()) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A folder in the place of the second file would be found only once the first one is moved. */
async function refuseFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory())
    throw new FlotillaError("IO_FAILED", `There is a folder at ${path}.`, { details: { path } });
}
