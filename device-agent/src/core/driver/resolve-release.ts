/**
 * From a release's name to its document: only through the signed targets, never through what a server says besides
 * (design: formats.md, "TUF repository"). The blobs that it names must be signed targets too, of the same size.
 */

import { sha256Hex } from "@flotilla/protocol/digest";
import { parseDocument } from "@flotilla/protocol/documents/document";
import {
  blobTargetPath,
  type Release,
  ReleaseCustom,
  releaseDocument,
  releaseTargetPath,
} from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { consistentTargetPath } from "@flotilla/protocol/tuf/role-file-name";
import { Check } from "typebox/value";
import type { BlobFile } from "../state.ts";
import { type DeviceSession, unexpectedStatus } from "./device-session.ts";
import type { TrustSession } from "./trust-session.ts";

/** A release document with a thousand evaluations is far below. */
const maxReleaseBytes = 4 * 1024 * 1024;

/** The address of a target: `HASH.` before the last segment (TUF specification §6.2, consistent snapshots). */
export function targetUrl(path: string, sha256: string): string {
  const hashed = consistentTargetPath(path, sha256);
  return `/v1/tuf/targets/${hashed.split("/").map(encodeURIComponent).join("/")}`;
}

/** @throws INTEGRITY_* for what is not signed or not what was signed; TRANSPORT_* */
export async function resolveRelease(
  session: DeviceSession,
  trust: TrustSession,
  model: string,
  release: string,
): Promise<{ readonly release: Release; readonly custom: ReleaseCustom }> {
  const target = await trust.findTarget(releaseTargetPath(model, release));
  if (!Check(ReleaseCustom, target.custom)) {
    throw new FlotillaError("INTEGRITY_METADATA", `The signed target ${target.path} has no counter and minCounter.`);
  }
  if (target.lengthBytes > maxReleaseBytes) {
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `${target.path} has ${target.lengthBytes} bytes, at most ${maxReleaseBytes}.`,
    );
  }
  const path = targetUrl(target.path, target.sha256);
  const answer = await session.send({ method: "GET", path, maxBytes: target.lengthBytes });
  if (answer.status !== 200) throw unexpectedStatus(path, answer.status);
  if (answer.body.length !== target.lengthBytes || sha256Hex(answer.body) !== target.sha256) {
    throw new FlotillaError("INTEGRITY_DIGEST", `${target.path} does not have the bytes that were signed.`);
  }
  const document = parseDocument(releaseDocument, parseStrictJson(answer.body, { maxBytes: maxReleaseBytes }));
  if (document.model !== model || document.release !== release) {
    const found = `${document.model}/${document.release}`;
    throw new FlotillaError("INTEGRITY_METADATA", `${target.path} is the release document of ${found}.`);
  }
  return { release: document, custom: target.custom };
}

/** The address of a blob that a release names. @throws INTEGRITY_* if it is no signed target of that size */
export async function resolveBlob(
  trust: TrustSession,
  model: string,
  blob: BlobFile,
  extension: "tflite" | "npz",
): Promise<string> {
  const target = await trust.findTarget(blobTargetPath(model, blob.digest, extension));
  if (target.sha256 !== blob.digest || target.lengthBytes !== blob.sizeBytes) {
    throw new FlotillaError(
      "INTEGRITY_METADATA",
      `The signed target ${target.path} is not the blob that its name says.`,
    );
  }
  return targetUrl(target.path, target.sha256);
}
