/**
 * The port through which readers get at the files of a model: one folder, relative paths with forward slashes.
 * A path comes out of untrusted JSON, so it is checked here, once for every adapter.
 * Knows no format and no file system; `folder-source.ts` reads a folder, {@link memorySource} a record of bytes.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { memoryAccess, type RandomAccess } from "@flotilla/protocol/random-access";

export interface FileSource {
  /** What messages call it. */
  readonly label: string;
  /** Bytes of a file, undefined when it is not there. Throws IO_FAILED. */
  size(path: string): Promise<number | undefined>;
  /** The file, to be read in ranges. Throws IO_NOT_FOUND, IO_FAILED. */
  open(path: string): Promise<RandomAccess>;
  /** The whole file; never written to afterwards. Throws IO_NOT_FOUND, IO_FAILED. */
  read(path: string): Promise<Uint8Array>;
}

const maxPathLength = 1_024;

/**
 * A relative path that stays inside its folder on every system, or FORMAT_CORRUPT:
 * no root, drive, scheme, backslash, NUL, empty or dotted segment.
 */
export function checkRelativePath(path: string, where: string): string {
  const sound =
    path.length > 0 &&
    path.length <= maxPathLength &&
    !path.includes("\\") &&
    !path.includes("\0") &&
    !path.includes(":") &&
    path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
  if (sound) return path;
  throw new FlotillaError(
    "FORMAT_CORRUPT",
    `${where}: ${JSON.stringify(path.slice(0, 200))} is not a path below the model's folder.`,
    { details: { where, path: path.slice(0, 200) } },
  );
}

/** Files that are in memory. Text is taken as UTF-8. */
export function memorySource(files: Readonly<Record<string, Uint8Array | string>>, label = "memory"): FileSource {
  const held = new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    ]),
  );
  const read = (path: string): Promise<Uint8Array> => {
    const bytes = held.get(path);
    return bytes
      ? Promise.resolve(bytes)
      : Promise.reject(new FlotillaError("IO_NOT_FOUND", `${label}: there is no file "${path}".`));
  };
  return {
    label,
    size: (path) => Promise.resolve(held.get(path)?.byteLength),
    open: async (path) => memoryAccess(await read(path), `${label}/${path}`),
    read,
  };
}
