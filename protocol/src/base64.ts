/**
 * Standard base64 with padding (RFC 4648 §4), strict: one byte string has exactly one accepted encoding.
 * Written here because neither `atob` nor `Buffer` exists on all platforms of the device core.
 */
import { FlotillaError } from "./errors.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const valueOfCode = new Uint8Array(128);
for (let i = 0; i < alphabet.length; i++) valueOfCode[alphabet.charCodeAt(i)] = i;

/** Bytes to padded base64. */
export function encodeBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const have = bytes.length - i;
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    parts.push(
      alphabet.charAt(group >> 18) +
        alphabet.charAt((group >> 12) & 63) +
        (have > 1 ? alphabet.charAt((group >> 6) & 63) : "=") +
        (have > 2 ? alphabet.charAt(group & 63) : "="),
    );
  }
  return parts.join("");
}

/**
 * Padded base64 to bytes.
 * @throws FORMAT_CORRUPT for foreign characters, missing padding or set bits behind the last byte
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!wellFormed.test(text)) {
    throw new FlotillaError("FORMAT_CORRUPT", "The text is not padded standard base64.", {
      details: { length: text.length },
    });
  }
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  const at = (i: number): number => valueOfCode[text.charCodeAt(i) & 127] ?? 0;
  let o = 0;
  for (let i = 0; i < text.length; i += 4) {
    const group = (at(i) << 18) | (at(i + 1) << 12) | (at(i + 2) << 6) | at(i + 3);
    if (o < out.length) out[o++] = group >> 16;
    if (o < out.length) out[o++] = (group >> 8) & 255;
    if (o < out.length) out[o++] = group & 255;
  }
  if (encodeBase64(out.subarray(out.length - (out.length % 3 || 3))) !== text.slice(-4)) {
    throw new FlotillaError("FORMAT_CORRUPT", "The base64 text has bits set behind its last byte.");
  }
  return out;
}
