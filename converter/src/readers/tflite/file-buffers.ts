/**
 * The buffers of a `.tflite` file: bytes inside the flatbuffer, or (in files beyond 2 GB) a range of the file behind it.
 * Gives constants that are read when asked for. An offset counts only if it is greater than 1 (schema.fbs, table Buffer).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { at } from "@flotilla/protocol/tflite/corrupt";
import type { FileModel } from "@flotilla/protocol/tflite/schema";
import type { Constant } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";

export type BufferOf = (index: number, path: string) => Constant;

/** `held`: the file is in memory, so its bytes are views and need no keeping. */
export function fileBuffers(file: RandomAccess, model: FileModel, held: boolean): BufferOf {
  const made = new Map<number, Constant>();
  return (index, path) => {
    const buffer = at(model.buffers, index, path, "buffer");
    const known = made.get(index);
    if (known) return known;
    const content = buffer.offset <= 1n ? buffer.data : fileRange(file, buffer.offset, buffer.size, path);
    const constant = held ? content : lazyConstant(content.byteLength, () => content.bytes());
    made.set(index, constant);
    return constant;
  };
}

/** Bytes of the file from `offset` on; throws FORMAT_TRUNCATED when they are not all there. */
export function fileRange(file: RandomAccess, offset: bigint, size: bigint, path: string): Constant {
  if (offset + size > BigInt(file.byteLength))
    throw new FlotillaError(
      "FORMAT_TRUNCATED",
      `${path}: ${size} bytes from ${offset} on reach beyond the end of the file.`,
      {
        details: { path, offset: String(offset), bytes: String(size), fileBytes: file.byteLength },
      },
    );
  return { byteLength: Number(size), bytes: () => file.read(Number(offset), Number(size)) };
}
