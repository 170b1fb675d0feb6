/**
 * A file of the file system read in ranges, each on a handle of its own: nothing stays open, so a file can be replaced or
 * deleted once a conversion ends, on every system. A file that changed since it was opened is refused.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FlotillaError } from "@flotilla/protocol/errors";
import { checkRange, type RandomAccess } from "@flotilla/protocol/random-access";
import { unreadable } from "./source.ts";

/** The system call takes a signed 32-bit length. */
const mostAtOnce = 2 ** 30;

/** @throws IO_NOT_FOUND, IO_FAILED; its reads also FORMAT_TRUNCATED */
export function fileAccess(path: string): RandomAccess {
  const { size, mtimeMs } = onHandle(path, (handle) => fstatSync(handle));
  return {
    label: path,
    byteLength: size,
    read: (offset, length) => {
      checkRange(path, size, offset, length);
      const bytes = new Uint8Array(length);
      onHandle(path, (handle) => {
        const found = fstatSync(handle);
        if (found.size !== size || found.mtimeMs !== mtimeMs) throw changed(path);
        for (let done = 0; done < length; ) {
          const count = readSync(handle, bytes, done, Math.min(length - done, mostAtOnce), offset + done);
          if (count === 0) throw changed(path);
          done += count;
        }
      });
      return bytes;
    },
  };
}

function onHandle<T>(path: string, use: (handle: number) => T): T {
  let handle: number | undefined;
  try {
    handle = openSync(path, "r");
    return use(handle);
  } catch (cause) {
    throw cause instanceof FlotillaError ? cause : unreadable(path, cause);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

const changed = (path: string): FlotillaError =>
  new FlotillaError("IO_FAILED", `${path} changed while it was read.`, { details: { path } });
