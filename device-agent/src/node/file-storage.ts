/**
 * Device storage in a folder. Every replacement is: temp file in the same folder → fsync → rename → fsync of the folder,
 * so that after a power cut a reader finds the old bytes or the new (facts: trust-and-faults §6, "Write order").
 * Files are for the owner alone (0600, folders 0700): one of them is the device's key.
 */
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DeviceStorage } from "../ports/device-storage.ts";

const segment = /^(?!\.{1,2}$)[A-Za-z0-9._~%-]+$/;
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

export function fileStorage(folder: string): DeviceStorage {
  const root = path.resolve(folder);
  let temporary = 0;

  function locate(name: string): string {
    const segments = name.split("/");
    if (segments.every((part) => segment.test(part))) return path.join(root, ...segments);
    throw new FlotillaError("IO_FAILED", `${JSON.stringify(name)} is not a path inside the device's storage.`);
  }

  /** Runs file work; null where the file is not there, IO_FAILED for everything else that goes wrong. */
  async function attempt<T>(what: string, name: string, work: (file: string) => Promise<T>): Promise<T | null> {
    const file = locate(name);
    try {
      return await work(file);
    } catch (cause) {
      if (isMissing(cause)) return null;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new FlotillaError("IO_FAILED", `${what} ${name} failed: ${reason}`, { cause, details: { path: name } });
    }
  }

  async function writable<T>(what: string, name: string, work: (file: string) => Promise<T>): Promise<void> {
    await attempt(what, name, async (file) => {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await work(file);
    });
  }

  return {
    read: (name) => attempt("Reading", name, async (file) => new Uint8Array(await readFile(file))),
    size: (name) => attempt("Looking at", name, async (file) => (await stat(file)).size),
    write: (name, bytes) =>
      writable("Writing", name, async (file) => {
        const temp = `${file}.${process.pid}-${temporary++}.tmp`;
        try {
          await writeDurably(temp, bytes);
          await rename(temp, file);
        } catch (error) {
          await rm(temp, { force: true });
          throw error;
        }
        await syncFolder(path.dirname(file));
      }),
    append: (name, bytes) =>
      writable("Adding to", name, async (file) => {
        const handle = await open(file, "a", 0o600);
        try {
          await handle.appendFile(bytes);
        } finally {
          await handle.close();
        }
      }),
    async seal(from, to) {
      const target = locate(to);
      await attempt("Sealing", from, async (file) => {
        const handle = await open(file, constants.O_RDWR);
        try {
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(file, target);
        await syncFolder(path.dirname(target));
      });
    },
    async remove(name) {
      await attempt("Removing", name, (file) => rm(file));
    },
    async list(name) {
      const found = await attempt("Listing", name, (file) => readdir(file));
      return (found ?? []).filter((entry) => !entry.endsWith(".tmp")).sort();
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize;
    },
  };
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a rename durable. Windows has no such thing: its file systems journal renames themselves. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
