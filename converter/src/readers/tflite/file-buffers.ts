/**
 * The buffers of a `.tflite` file: bytes inside the flatbuffer, or (in files beyond 2 GB) a range of the file behind it.
 * Gives views, never copies. An offset counts only if it is greater than 1 (LiteRT schema.fbs, table Buffer).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { FileModel } from "@flotilla/protocol/tflite/schema";
import { at } from "./corrupt.ts";

export type BufferOf = (index: number, path: string) => Uint8Array;

export function fileBuffers(file: Uint8Array, model: FileModel): BufferOf {
  return (index, path) => {
    const buffer = at(model.buffers, index, path, "buffer");
    if (buffer.offset <= 1n) return buffer.data;
    return fileRange(file, buffer.offset, buffer.size, path);
  };
}

/** Bytes of the file from `offset` on; throws FORMAT_TRUNCATED when they are not all there. */
export function fileRange(file: Uint8Array, offset: bigint, size: bigint, path: string): Uint8Array {
  if (offset + size > BigInt(file.byteLength))
    throw new FlotillaError(
      "FORMAT_TRUNCATED",
      `${path}: ${size} bytes from ${offset} on reach beyond the end of the file.`,
      {
        details: { path, offset: String(offset), bytes: String(size), fileBytes: file.byteLength },
      },
    );
  return file.subarray(Number(offset), Number(offset + size));
}
