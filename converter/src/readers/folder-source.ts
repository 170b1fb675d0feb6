/** A {@link FileSource} over a folder of the file system. Symbolic links may not lead out of the folder. */
import { readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import { fileAccess } from "../sources/file-access.ts";
import { checkRelativePath, type FileSource } from "./file-source.ts";

export function folderSource(folder: string): FileSource {
  const absent = (error: unknown): boolean =>
    error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

  async function resolved(path: string): Promise<string | undefined> {
    const joined = join(folder, ...checkRelativePath(path, folder).split("/"));
    try {
      const [root, target] = await Promise.all([realpath(folder), realpath(joined)]);
      if (target.startsWith(root.endsWith(sep) ? root : root + sep)) return target;
    } catch (cause) {
      if (absent(cause)) return undefined;
      throw new FlotillaError("IO_FAILED", `${joined} cannot be opened.`, { cause, details: { path: joined } });
    }
    throw new FlotillaError("FORMAT_CORRUPT", `${joined} leads out of the model's folder.`, {
      details: { path: joined },
    });
  }

  async function found(path: string): Promise<string> {
    const target = await resolved(path);
    if (target !== undefined) return target;
    throw new FlotillaError("IO_NOT_FOUND", `There is no file "${path}" in ${folder}.`, { details: { path } });
  }

  return {
    label: folder,
    size: async (path) => {
      const target = await resolved(path);
      if (target === undefined) return undefined;
      const found = await stat(target);
      return found.isFile() ? found.size : undefined;
    },
    open: async (path) => fileAccess(await found(path)),
    read: async (path) => {
      const target = await found(path);
      try {
        return new Uint8Array(await readFile(target));
      } catch (cause) {
        throw new FlotillaError("IO_FAILED", `${target} cannot be read.`, { cause, details: { path: target } });
      }
    },
  };
}
