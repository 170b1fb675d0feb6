/**
 * The buffer list of a `.tflite` file: buffer 0 is empty, equal contents are stored once.
 * Looks closely only at contents of one length that begin alike, so most constants are not read for it.
 */
import type { LazyBytes } from "@flotilla/protocol/flatbuffer/schema";

const probeBytes = 64;

export class SharedBuffers {
  /** In the order of the file, without the empty buffer 0. */
  readonly contents: LazyBytes[] = [];
  readonly #known = new Map<LazyBytes, number>();
  readonly #ofLength = new Map<number, number[]>();
  readonly #probes = new Map<number, string>();

  /** The index of a buffer with these bytes. */
  indexOf(content: LazyBytes): number {
    if (content.byteLength === 0) return 0;
    const known = this.#known.get(content);
    if (known !== undefined) return known;
    const alike = this.#ofLength.get(content.byteLength) ?? [];
    const index = alike.length > 0 ? this.#equalTo(content, alike) : undefined;
    if (index !== undefined) {
      this.#known.set(content, index);
      return index;
    }
    this.contents.push(content);
    this.#known.set(content, this.contents.length);
    this.#ofLength.set(content.byteLength, [...alike, this.contents.length]);
    return this.contents.length;
  }

  #equalTo(content: LazyBytes, alike: readonly number[]): number | undefined {
    const bytes = content.bytes();
    const probe = probeOf(bytes);
    this.#probes.set(this.contents.length + 1, probe); // its own, should it turn out to be new
    return alike.find((index) => {
      const other = this.contents[index - 1];
      const known = this.#probes.get(index) ?? (other ? probeOf(other.bytes()) : "");
      this.#probes.set(index, known);
      return known === probe && equalBytes(other?.bytes(), bytes);
    });
  }
}

const probeOf = (bytes: Uint8Array): string => bytes.subarray(0, probeBytes).join();

export function equalBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  if (a?.byteLength !== b.byteLength) return false;
  for (let i = 0; i < b.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
