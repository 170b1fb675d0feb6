/**
 * Writes a set of files all or nothing: each under a temporary name beside its place, then all are moved. A name with a
 * slash is a file of a folder, which is moved as a whole and takes the place of an earlier one. When anything fails, no
 * temporary file stays, nor a folder that was made for them.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { WrittenFile } from "./writers/written-file.ts";

/** Bytes, or what gives them piece by piece. */
export type FileContent = Uint8Array | Pick<WrittenFile, "pieces">;

/** @throws IO_FAILED, and what a file throws while it is made */
export async function writeFiles(folder: string, files: ReadonlyMap<string, FileContent>): Promise<void> {
  const run = randomUUID();
  const temporary = (entry: string, end = "partial") => join(folder, `.${entry}.${run}.${end}`);
  const entries = new Map([...files.keys()].map((name) => [name.split("/", 1)[0] ?? name, name.includes("/")]));
  let made: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true });
    for (const [entry, isFolder] of entries) {
      await (isFolder ? refuseOthers : refuseFolder)(join(folder, entry));
      if (isFolder) await mkdir(temporary(entry));
    }
    for (const [name, content] of files) {
      const [entry = name, ...inside] = name.split("/");
      await writeContent(join(temporary(entry), ...inside), content);
    }
    for (const [entry, isFolder] of entries) {
      const place = join(folder, entry);
      if (isFolder && (await isThere(place))) await rename(place, temporary(entry, "old"));
      await rename(temporary(entry), place);
    }
    for (const entry of entries.keys()) await rm(temporary(entry, "old"), { force: true, recursive: true });
  } catch (cause) {
    for (const entry of entries.keys())
      await rm(temporary(entry), { force: true, recursive: true }).catch(() => undefined);
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

/** What stands in a variant's folder may go when it is an earlier variant: a model.json and weight files. */
async function refuseOthers(path: string): Promise<void> {
  if (!(await isThere(path))) return;
  const names = await readdir(path).catch(() => null);
  if (names?.every((name) => name === "model.json" || name.endsWith(".bin"))) return;
  throw new FlotillaError(
    "IO_FAILED",
    `${path} is ${names === null ? "a file" : "a folder with other files"}: it would have to go. Move it away, or give another --name.`,
    { details: { path } },
  );
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
