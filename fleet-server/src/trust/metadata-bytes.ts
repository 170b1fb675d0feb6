/**
 * Writing TUF metadata (specification 1.0.34 §4.2): the signed part over OLPC canonical JSON, the file as RFC 8785 JSON,
 * signatures in the order of their key ids, so the same content and keys give the same bytes.
 */
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Signer } from "@flotilla/protocol/public-key";
import type { KeySignature } from "@flotilla/protocol/signature";
import { olpcJsonBytes } from "@flotilla/protocol/tuf/olpc-json";

/** The version of the specification that our metadata follows. */
export const tufSpecVersion = "1.0.34";

/** Metadata with the signatures given. */
export function encodeMetadata(signed: JsonObject, signatures: readonly KeySignature[]): Uint8Array {
  const ordered = [...signatures].sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
  return canonicalJsonBytes({
    signed,
    signatures: ordered.map(({ keyid, signature }) => ({ keyid, sig: Buffer.from(signature).toString("hex") })),
  });
}

/** Metadata signed by every signer given. */
export async function signMetadata(signed: JsonObject, signers: readonly Signer[]): Promise<Uint8Array> {
  return encodeMetadata(signed, await signaturesOf(signed, signers));
}

/** The signers' signatures over the signed part. */
export async function signaturesOf(signed: JsonObject, signers: readonly Signer[]): Promise<KeySignature[]> {
  const message = olpcJsonBytes(signed);
  return await Promise.all(
    signers.map(async (signer) => ({ keyid: signer.keyid, signature: await signer.sign(message) })),
  );
}

/** What every signed part begins with; `expiresMs` is cut to whole seconds, as the format asks. */
export function signedHead(type: string, version: number, expiresMs: number): JsonObject {
  return { _type: type, spec_version: tufSpecVersion, version, expires: expiryText(expiresMs) };
}

/** `YYYY-MM-DDTHH:MM:SSZ`. */
export function expiryText(expiresMs: number): string {
  return `${new Date(expiresMs).toISOString().slice(0, 19)}Z`;
}
