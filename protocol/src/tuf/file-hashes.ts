/** Length and digests of a file against what signed metadata says of it (TUF specification §5.5.2, §5.6.2, §5.7). */
import { sha256Hex, sha512Hex } from "../digest.ts";
import { FlotillaError } from "../errors.ts";
import type { FileHashes } from "./metadata.ts";

/** What is signed of a file; both parts are optional for metadata files. */
export interface ExpectedFile {
  readonly lengthBytes?: number;
  readonly hashes?: FileHashes;
}

/**
 * @throws INTEGRITY_DIGEST if the length or any known digest differs, or if digests are given but none is of an
 *   algorithm that Flotilla knows
 */
export function assertFile(bytes: Uint8Array, expected: ExpectedFile, name: string, step: string): void {
  const { lengthBytes, hashes } = expected;
  if (lengthBytes !== undefined && bytes.length !== lengthBytes) {
    throw differs(name, step, "bytes", bytes.length, lengthBytes);
  }
  if (hashes === undefined) return;
  if (hashes.sha256 === undefined && hashes.sha512 === undefined) {
    throw differs(name, step, "a digest algorithm", "none that is known", "sha256 or sha512");
  }
  if (hashes.sha256 !== undefined && hashes.sha256 !== sha256Hex(bytes)) {
    throw differs(name, step, "SHA-256", sha256Hex(bytes), hashes.sha256);
  }
  if (hashes.sha512 !== undefined && hashes.sha512 !== sha512Hex(bytes)) {
    throw differs(name, step, "SHA-512", sha512Hex(bytes), hashes.sha512);
  }
}

function differs(name: string, step: string, what: string, found: number | string, expected: number | string) {
  return new FlotillaError("INTEGRITY_DIGEST", `${name} has ${what} ${found}, signed is ${expected}.`, {
    details: { step, file: name, what, found, expected },
  });
}
