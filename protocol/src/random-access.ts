/**
 * The port for bytes that are read in ranges, so that a large file need not lie in memory: synchronous, because those who
 * decode and those who ask for constants are. Knows no file system; an adapter of Node's stands in the converter.
 */
import { FlotillaError } from "./errors.ts";

export interface RandomAccess {
  /** What messages call it. */
  readonly label: string;
  readonly byteLength: number;
  /**
   * `length` bytes from `offset` on; never written to afterwards. May be a view of what is held in memory.
   * @throws FORMAT_TRUNCATED for a range that is not in the file, IO_FAILED
   */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes that are in memory: every read is a view. */
export function memoryAccess(bytes: Uint8Array, label = "memory"): RandomAccess {
  return {
    label,
    byteLength: bytes.byteLength,
    read: (offset, length) => {
      checkRange(label, bytes.byteLength, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** A part of a file as a file of its own. @throws FORMAT_TRUNCATED for a part that is not in it */
export function partOf(whole: RandomAccess, start: number, byteLength: number, label: string): RandomAccess {
  checkRange(whole.label, whole.byteLength, start, byteLength);
  return {
    label,
    byteLength,
    read: (offset, length) => {
      checkRange(label, byteLength, offset, length);
      return whole.read(start + offset, length);
    },
  };
}

/** @throws FORMAT_TRUNCATED */
export function checkRange(label: string, fileBytes: number, offset: number, length: number): void {
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (sound && length <= fileBytes - offset) return;
  throw new FlotillaError(
    "FORMAT_TRUNCATED",
    `${label}: ${length} bytes at byte ${offset} are asked for, the file has ${fileBytes}.`,
    { details: { offset, length, fileBytes } },
  );
}
