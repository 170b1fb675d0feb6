/** Re-reads a file and compares length and digest with what was signed: what is on the disk, not what was sent. */
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { BlobFile } from "../state.ts";

/** The bytes. @throws IO_NOT_FOUND, INTEGRITY_DIGEST (and then the file is removed) */
export async function verifyFile(storage: DeviceStorage, path: string, file: BlobFile): Promise<Uint8Array> {
  const bytes = await storage.read(path);
  if (bytes === null) throw new FlotillaError("IO_NOT_FOUND", `${path} is not there.`);
  if (bytes.length === file.sizeBytes && sha256Hex(bytes) === file.digest) return bytes;
  await storage.remove(path);
  throw new FlotillaError("INTEGRITY_DIGEST", `${path} does not hold the bytes that were signed.`, {
    details: { path, expected: file.digest, found: sha256Hex(bytes) },
  });
}
