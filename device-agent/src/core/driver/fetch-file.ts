/**
 * Brings one signed file into a slot: resumed where an earlier attempt left bytes, hashed while it streams, bounded by
 * its signed size, renamed to its final name only when length and digest are right (faults A1, M4, M5, G4).
 */
import { createSha256, type Sha256Stream, sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import { planDownload, readDownloadAnswer } from "../download.ts";
import type { BlobFile } from "../state.ts";
import type { DeviceSession } from "./device-session.ts";

export interface FileJob {
  /** The address below the server's, with the consistent snapshot's `HASH.` in it. */
  readonly url: string;
  readonly file: BlobFile;
  readonly partial: string;
  readonly tag: string;
  readonly final: string;
}

/** How often one call begins anew from zero: an old part may be bad once, a server that is wrong is left alone. */
const maxRestarts = 2;
/** Bytes gathered before they are written. */
const chunkBytes = 256 * 1024;

/**
 * @param cancelled asked between chunks; true ends the transfer with TRANSPORT_TIMEOUT and keeps the part
 * @throws INTEGRITY_DIGEST if a whole fresh transfer has other bytes than signed; TRANSPORT_* and IO_* to be retried
 */
export async function fetchFile(
  session: DeviceSession,
  storage: DeviceStorage,
  job: FileJob,
  cancelled: () => boolean,
): Promise<void> {
  if (await isThere(storage, job.final, job.file)) return;
  for (let attempt = 0; ; attempt++) {
    if (await transfer(session, storage, job, cancelled)) return;
    if (attempt >= maxRestarts) {
      throw new FlotillaError("TRANSPORT_STATUS", `The server does not send ${job.url} as it was asked for.`);
    }
  }
}

async function isThere(storage: DeviceStorage, path: string, file: BlobFile): Promise<boolean> {
  if ((await storage.size(path)) !== file.sizeBytes) return false;
  const bytes = await storage.read(path);
  return bytes !== null && sha256Hex(bytes) === file.digest;
}

/** One request; false if it has to be made again from zero. */
async function transfer(
  session: DeviceSession,
  storage: DeviceStorage,
  job: FileJob,
  cancelled: () => boolean,
): Promise<boolean> {
  const { file, partial, tag, url } = job;
  const etag = await storage.read(tag);
  const request = planDownload(
    { bytes: (await storage.size(partial)) ?? 0, etag: etag === null ? null : new TextDecoder().decode(etag) },
    file.sizeBytes,
  );
  const stream = await session.stream(url, request.headers);
  try {
    const answer = readDownloadAnswer(request, stream.status, stream.headers, file.sizeBytes);
    if (answer.kind === "fail") {
      throw new FlotillaError(answer.code, `Downloading ${url} failed: ${answer.detail}.`, {
        details: { url, status: stream.status },
      });
    }
    if (answer.kind === "restart") {
      await discard(storage, job);
      return false;
    }
    const hash = createSha256();
    if (answer.offset === 0) await discard(storage, job);
    else hash.update((await storage.read(partial)) ?? new Uint8Array());
    if (answer.etag !== null) await storage.write(tag, new TextEncoder().encode(answer.etag));
    await receive(stream.chunks, storage, job, answer.offset, hash, cancelled);
    if (hash.digestHex() === file.digest) {
      await storage.seal(partial, job.final);
      await storage.remove(tag);
      return true;
    }
    await discard(storage, job);
    // Bytes of an earlier attempt may have been the bad ones; a whole fresh copy leaves no doubt.
    if (answer.offset > 0) return false;
    throw new FlotillaError("INTEGRITY_DIGEST", `${url} does not have the bytes that were signed.`, {
      details: { url, expected: file.digest },
    });
  } finally {
    stream.close();
  }
}

async function receive(
  chunks: AsyncIterable<Uint8Array>,
  storage: DeviceStorage,
  job: FileJob,
  offset: number,
  hash: Sha256Stream,
  cancelled: () => boolean,
): Promise<void> {
  const { file, partial, url } = job;
  let received = offset;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  const write = async (): Promise<void> => {
    if (gatheredBytes === 0) return;
    const bytes = new Uint8Array(gatheredBytes);
    let at = 0;
    for (const chunk of gathered) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    gathered = [];
    gatheredBytes = 0;
    try {
      await storage.append(partial, bytes);
    } catch (error) {
      await discard(storage, job); // a full disk gets its room back
      throw error;
    }
  };
  try {
    for await (const chunk of chunks) {
      received += chunk.length;
      if (received > file.sizeBytes) {
        await discard(storage, job);
        gatheredBytes = 0;
        throw new FlotillaError("TRANSPORT_LIMIT", `${url} sends more than its ${file.sizeBytes} signed bytes.`);
      }
      hash.update(chunk);
      gathered.push(chunk.slice());
      gatheredBytes += chunk.length;
      if (gatheredBytes >= chunkBytes) await write();
      if (cancelled()) throw new FlotillaError("TRANSPORT_TIMEOUT", `Downloading ${url} was given up.`);
    }
  } finally {
    await write();
  }
  if (received < file.sizeBytes) {
    const message = `${url} ended after ${received} of ${file.sizeBytes} bytes.`;
    throw new FlotillaError("TRANSPORT_UNREACHABLE", message, { details: { url, received } });
  }
}

async function discard(storage: DeviceStorage, job: FileJob): Promise<void> {
  await storage.remove(job.partial);
  await storage.remove(job.tag);
}
