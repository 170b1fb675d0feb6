/**
 * A file that is about to be written. Small ones lie in memory; large ones are made piece by piece, anew each time, so
 * that a model of many gigabytes needs the memory of its largest tensor. The same file gives the same pieces.
 */
import { joinPieces } from "../codecs/join-pieces.ts";

export interface WrittenFile {
  readonly byteLength: number;
  /** The bytes in order; each piece is used before the next is asked for. */
  pieces(): Iterable<Uint8Array>;
  /** All of them in one array: for runtimes, which take a model whole. */
  bytes(): Uint8Array;
}

/** Up to this size a file is made once and kept. */
const keptBytes = 64 * 2 ** 20;

export function writtenFile(byteLength: number, pieces: () => Iterable<Uint8Array>): WrittenFile {
  const whole = (): Uint8Array => joinPieces(byteLength, pieces());
  if (byteLength > keptBytes) return { byteLength, pieces, bytes: whole };
  const kept = whole();
  return { byteLength, pieces: () => [kept], bytes: () => kept };
}
