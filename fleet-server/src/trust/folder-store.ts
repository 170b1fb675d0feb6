/** A TUF repository in a folder; any static web server can serve its `metadata/` and `targets/`. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import { createFile, ioFailure, replaceFile, systemCodeOf } from "./atomic-file.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";

/** The store over `folder`, which is made when first written to. */
export function folderStore(folder: string): TrustRepositoryStore {
  const pathOf = (name: string): string => join(folder, ...safeSegments(name));
  return {
    async read(name) {
      try {
        return await readFile(pathOf(name));
      } catch (error) {
        if (systemCodeOf(error) === "ENOENT") return null;
        throw ioFailure(name, error);
      }
    },
    async list(name) {
      try {
        const entries = await readdir(pathOf(name), { withFileTypes: true });
        const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(".tmp"));
        return files.map((entry) => entry.name).sort();
      } catch (error) {
        if (systemCodeOf(error) === "ENOENT") return [];
        throw ioFailure(name, error);
      }
    },
    create: (name, content) => createFile(pathOf(name), content),
    replace: (name, content) => replaceFile(pathOf(name), content),
    async delete(name) {
      await rm(pathOf(name), { force: true });
    },
  };
}

/** Refuses what could leave the folder or mean something to a file system. */
function safeSegments(name: string): string[] {
  const segments = name.split("/");
  const bad = segments.some((segment) => /^\.{0,2}$/.test(segment) || /[\\:*?"<>|\p{Cc}]/u.test(segment));
  if (bad) throw new FlotillaError("CONFIG_INVALID", `"${name}" cannot be a path inside a repository.`);
  return segments;
}
