/**
 * Blobs in a folder, one file each under its digest. Bytes are hashed while they stream into a temporary file, which
 * is synced and then renamed: a blob is there whole and right, or not at all.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isSha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { BlobStore } from "../../ports/blobs.ts";

export function folderBlobs(folder: string): BlobStore {
  /** Two levels, so that no folder gets too many entries. */
  const pathOf = (digest: string): string => {
    if (!isSha256Hex(digest)) throw new FlotillaError("CONFIG_INVALID", "A blob is named by its SHA-256 in hex.");
    return join(folder, digest.slice(0, 2), digest);
  };
  const sizeOf = async (digest: string): Promise<number | null> => {
    try {
      return (await stat(pathOf(digest))).size;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return null;
      throw failure(digest, error);
    }
  };
  return {
    sizeOf,
    async put(digest, bytes, maxBytes) {
      const path = pathOf(digest);
      const known = await sizeOf(digest);
      const temporary = join(folder, `.${digest}.${randomBytes(6).toString("hex")}.tmp`);
      try {
        await mkdir(join(path, ".."), { recursive: true });
        const sizeBytes = await writeHashed(temporary, digest, bytes, maxBytes);
        if (known === null) {
          await rename(temporary, path);
          await syncFolder(join(path, ".."));
        }
        return { sizeBytes };
      } catch (error) {
        throw failure(digest, error);
      } finally {
        await rm(temporary, { force: true });
      }
    },
    async read(digest, range) {
      if ((await sizeOf(digest)) === null) {
        throw new FlotillaError("IO_NOT_FOUND", `There is no blob ${digest}.`, { details: { digest } });
      }
      return createReadStream(pathOf(digest), range);
    },
  };
}

async function writeHashed(
  path: string,
  digest: string,
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<number> {
  const file = await open(path, "wx", 0o644);
  try {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    for await (const chunk of bytes) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        throw new FlotillaError("TRANSPORT_LIMIT", `Blob ${digest} has more than the allowed ${maxBytes} bytes.`, {
          details: { digest, maxBytes },
        });
      }
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    const found = hash.digest("hex");
    if (found !== digest) {
      throw new FlotillaError("INTEGRITY_DIGEST", `The bytes have the digest ${found}, expected ${digest}.`, {
        details: { found, expected: digest },
      });
    }
    await file.sync();
    return sizeBytes;
  } finally {
    await file.close();
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

const systemCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

function failure(digest: string, error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new FlotillaError("IO_FAILED", `Blob ${digest}: ${message}`, { details: { digest }, cause: error });
}
