/**
 * DSSE envelopes (github.com/secure-systems-lab/dsse, protocol 1.0): how Flotilla's own documents are signed.
 * The signature covers the pre-authentication encoding of the payload type and the exact payload bytes; a verifier
 * hands back those bytes and nothing is ever serialised again (design: formats.md, Rules for all documents).
 */
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { canonicalJsonBytes } from "./canonical-json.ts";
import { FlotillaError } from "./errors.ts";
import { isJsonObject, type JsonValue } from "./json-value.ts";
import type { PublicKey, Signer } from "./public-key.ts";
import { countValidSignatures, type KeySignature } from "./signature.ts";
import { parseStrictJson } from "./strict-json.ts";

const maxEnvelopeBytes = 4 * 1024 * 1024; // a fleet index with thousands of cohorts stays far below
const maxSignatures = 32; // more than any threshold in use

/** An envelope taken apart; nothing in it is trusted yet. */
export interface Envelope {
  readonly payload: Uint8Array;
  readonly payloadType: string;
  readonly signatures: readonly KeySignature[];
}

/** The pre-authentication encoding: what is signed. Lengths are in bytes. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const type = encoder.encode(payloadType);
  const head = encoder.encode(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `);
  const out = new Uint8Array(head.length + payload.length);
  out.set(head);
  out.set(payload, head.length);
  return out;
}

/** Signs `payload` with every signer and encodes the envelope. */
export async function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly Signer[],
): Promise<Uint8Array<ArrayBuffer>> {
  const message = preAuthenticationEncoding(payloadType, payload);
  const signatures = await Promise.all(
    signers.map(async (signer) => ({ keyid: signer.keyid, signature: await signer.sign(message) })),
  );
  return encodeEnvelope({ payload, payloadType, signatures });
}

/** An envelope as canonical JSON bytes. */
export function encodeEnvelope(envelope: Envelope): Uint8Array<ArrayBuffer> {
  return canonicalJsonBytes({
    payload: encodeBase64(envelope.payload),
    payloadType: envelope.payloadType,
    signatures: envelope.signatures.map(({ keyid, signature }) => ({ keyid, sig: encodeBase64(signature) })),
  });
}

/**
 * Takes an envelope apart without trusting it.
 * @throws FORMAT_JSON or FORMAT_LIMIT for bad JSON, FORMAT_DOCUMENT for anything that is not an envelope
 */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const value = parseStrictJson(bytes, { maxBytes: maxEnvelopeBytes, maxDepth: 8 });
  const { payload, payloadType, signatures } = isJsonObject(value) ? value : {};
  if (typeof payload !== "string" || typeof payloadType !== "string" || !Array.isArray(signatures)) {
    throw notAnEnvelope("payload, payloadType and signatures");
  }
  if (signatures.length > maxSignatures) throw notAnEnvelope(`at most ${maxSignatures} signatures`);
  try {
    return { payload: decodeBase64(payload), payloadType, signatures: signatures.map(parseSignature) };
  } catch (cause) {
    if (cause instanceof FlotillaError && cause.code === "FORMAT_CORRUPT") {
      throw notAnEnvelope("base64 in payload and sig", cause);
    }
    throw cause;
  }
}

function parseSignature(value: JsonValue): KeySignature {
  const { keyid = "", sig } = isJsonObject(value) ? value : {};
  if (typeof keyid !== "string" || typeof sig !== "string") throw notAnEnvelope("keyid and sig in each signature");
  return { keyid, signature: decodeBase64(sig) };
}

function notAnEnvelope(expected: string, cause?: unknown): FlotillaError {
  return new FlotillaError("FORMAT_DOCUMENT", `The document is not a DSSE envelope: expected ${expected}.`, {
    details: { expected },
    cause,
  });
}

/**
 * Verifies an envelope and returns the payload bytes that were signed.
 * @param keys the keys that may sign, by key id
 * @param threshold how many different keys must have signed, at least 1
 * @throws INTEGRITY_SIGNATURE below the threshold, with another payload type, or with a key id listed twice;
 *   FORMAT_* when the bytes are no envelope
 */
export function verifyEnvelope(
  bytes: Uint8Array,
  keys: ReadonlyMap<string, PublicKey>,
  threshold: number,
  payloadType: string,
): Uint8Array {
  const envelope = parseEnvelope(bytes);
  if (!Number.isSafeInteger(threshold) || threshold < 1) {
    throw new FlotillaError("INTEGRITY_SIGNATURE", `A signature threshold is at least 1, found ${threshold}.`);
  }
  if (envelope.payloadType !== payloadType) {
    throw new FlotillaError(
      "INTEGRITY_SIGNATURE",
      `The envelope's payload type is ${JSON.stringify(envelope.payloadType)}, expected ${JSON.stringify(payloadType)}.`,
      { details: { found: envelope.payloadType, expected: payloadType } },
    );
  }
  if (new Set(envelope.signatures.map(({ keyid }) => keyid)).size !== envelope.signatures.length) {
    throw new FlotillaError("INTEGRITY_SIGNATURE", "The envelope lists a key id twice.");
  }
  const message = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  const valid = countValidSignatures(message, envelope.signatures, keys);
  if (valid < threshold) {
    throw new FlotillaError(
      "INTEGRITY_SIGNATURE",
      `The envelope carries ${valid} valid signatures of keys that may sign it, expected ${threshold}.`,
      { details: { valid, threshold, keyids: envelope.signatures.map(({ keyid }) => keyid) } },
    );
  }
  return envelope.payload;
}
