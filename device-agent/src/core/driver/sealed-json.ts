/**
 * JSON with its own checksum: `<sha-256 of the rest>\n<json>`. Says whether a file is what was once written; it is no
 * protection against anyone who can write files.
 */
import { sha256Hex } from "@flotilla/protocol/digest";

export function sealJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  const encoder = new TextEncoder();
  return encoder.encode(`${sha256Hex(encoder.encode(text))}\n${text}`);
}

/** The value, or undefined for anything torn, changed or empty. */
export function openSealedJson(bytes: Uint8Array): unknown {
  if (bytes.length < 66 || bytes[64] !== 0x0a) return undefined;
  const body = bytes.subarray(65);
  try {
    if (new TextDecoder().decode(bytes.subarray(0, 64)) !== sha256Hex(body)) return undefined;
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined; // not even text: the caller sets the file aside
  }
}
