/**
 * The buffer list of a `.tflite` file: buffer 0 is empty, equal contents are stored once.
 * Looks closely only at contents of one length that begin alike, so most constants are not read for it.
 */
import type { LazyBytes } from "@flotilla/protocol/flatbuffer/schema";

const probeBytes = 64;

export class SharedBuffers {
  /** In the order of the file, without the empty buffer 0. */
  readonly contents: LazyBytes[] = [];
  readonly #alike = new Map<string, number[]>();

  /** The index of a buffer with these bytes. */
  indexOf(content: LazyBytes): number {
    if (content.byteLength === 0) return 0;
    const bytes = content.bytes();
    const key = `${bytes.byteLength}:${bytes.subarray(0, probeBytes).join()}`;
    const candidates = this.#alike.get(key) ?? [];
    const found = candidates.find((index) => equalBytes(this.contents[index - 1]?.bytes(), bytes));
    if (found !== undefined) return found;
    this.contents.push(content);
    this.#alike.set(key, [...candidates, this.contents.length]);
    return this.contents.length;
  }
}

export function equalBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  if (a?.byteLength !== b.byteLength) return false;
  for (let i = 0; i < b.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
