/**
 * The token with which a device speaks to the server, over HTTP and MQTT: a compact JWS (RFC 7515) signed by the
 * device's own Ed25519 key, valid for at most 15 minutes and for one fleet only.
 * Pure: the clock and the token id come from the caller. There is one algorithm; the header cannot choose another.
 */
import { hexToBytes } from "@noble/hashes/utils.js";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { canonicalJsonBytes } from "./canonical-json.ts";
import { idPattern } from "./documents/document.ts";
import { FlotillaError } from "./errors.ts";
import { isJsonObject, type JsonObject } from "./json-value.ts";
import { ed25519PublicKey, type Signer } from "./public-key.ts";
import { verifySignature } from "./signature.ts";
import { parseStrictJson } from "./strict-json.ts";

/** Longest life of a token. */
export const deviceTokenLifetimeS = 900;
/** How far the device's clock may be ahead of the server's. */
const clockSkewS = 60;
const maxTokenLength = 2048; // characters; ours have about 350
const header = { alg: "EdDSA", typ: "flotilla-device" } as const;

export interface DeviceTokenClaims {
  readonly device: string;
  readonly fleet: string;
  readonly nowMs: number;
  /** Random, at most 64 characters. */
  readonly tokenId: string;
  /** Default and longest: {@link deviceTokenLifetimeS}. */
  readonly lifetimeS?: number;
}

/** Signs a token with the device's key. */
export async function createDeviceToken(claims: DeviceTokenClaims, signer: Pick<Signer, "sign">): Promise<string> {
  const issuedAtS = Math.floor(claims.nowMs / 1000);
  const payload = {
    sub: claims.device,
    aud: claims.fleet,
    iat: issuedAtS,
    exp: issuedAtS + Math.min(claims.lifetimeS ?? deviceTokenLifetimeS, deviceTokenLifetimeS),
    jti: claims.tokenId,
  };
  const signed = `${toBase64Url(canonicalJsonBytes(header))}.${toBase64Url(canonicalJsonBytes(payload))}`;
  return `${signed}.${toBase64Url(await signer.sign(new TextEncoder().encode(signed)))}`;
}

/**
 * The device that a token names, before anything is verified: only good for looking up its key.
 * @throws ROLLOUT_UNAUTHORIZED if the token has no readable subject
 */
export function peekDeviceToken(token: string): string {
  return parseToken(token).device;
}

/**
 * Verifies a token against the device's public key (64 hex digits).
 * @throws ROLLOUT_UNAUTHORIZED if it is malformed, of another fleet, expired, from the future, too long-lived or forged
 */
export function verifyDeviceToken(
  token: string,
  publicKeyHex: string,
  expected: { readonly fleet: string; readonly nowMs: number },
): { device: string } {
  const { device, payload, signed, signature } = parseToken(token);
  const { aud, iat, exp, jti } = payload;
  if (aud !== expected.fleet) throw refusal("is for another fleet");
  if (typeof iat !== "number" || typeof exp !== "number" || !Number.isInteger(iat) || !Number.isInteger(exp)) {
    throw refusal("has no times");
  }
  if (typeof jti !== "string" || jti.length === 0 || jti.length > 64) throw refusal("has no id");
  if (exp <= iat || exp - iat > deviceTokenLifetimeS) throw refusal(`lives longer than ${deviceTokenLifetimeS} s`);
  const nowS = expected.nowMs / 1000;
  if (nowS >= exp) throw refusal("has expired");
  if (iat > nowS + clockSkewS) throw refusal("was issued in the future; check the device's clock");
  if (!/^[0-9a-f]{64}$/.test(publicKeyHex)) throw refusal("belongs to a device without a key");
  const key = ed25519PublicKey(hexToBytes(publicKeyHex));
  if (!verifySignature(key, signed, signature)) throw refusal("is not signed by the device's key");
  return { device };
}

interface ParsedToken {
  readonly device: string;
  readonly payload: JsonObject;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function parseToken(token: string): ParsedToken {
  const [head, body, tail, ...more] = token.length > maxTokenLength ? [] : token.split(".");
  if (head === undefined || body === undefined || tail === undefined || more.length > 0) {
    throw refusal("is not a compact JWS");
  }
  try {
    const headerValue = parseStrictJson(fromBase64Url(head), { maxDepth: 4 });
    const payload = parseStrictJson(fromBase64Url(body), { maxDepth: 4 });
    if (!isJsonObject(headerValue) || headerValue.alg !== header.alg || headerValue.typ !== header.typ) {
      throw refusal("is not of our kind");
    }
    if (!isJsonObject(payload) || typeof payload.sub !== "string" || !idPattern.test(payload.sub)) {
      throw refusal("names no device");
    }
    const signed = new TextEncoder().encode(`${head}.${body}`);
    return { device: payload.sub, payload, signed, signature: fromBase64Url(tail) };
  } catch (cause) {
    if (cause instanceof FlotillaError && cause.code === "ROLLOUT_UNAUTHORIZED") throw cause;
    throw refusal("cannot be read", cause);
  }
}

function toBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64Url(text: string): Uint8Array {
  if (/[^A-Za-z0-9_-]/.test(text)) throw refusal("is not base64url");
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return decodeBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
}

function refusal(why: string, cause?: unknown): FlotillaError {
  return new FlotillaError("ROLLOUT_UNAUTHORIZED", `The device token ${why}.`, { cause });
}
