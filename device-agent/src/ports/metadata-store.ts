/**
 * Where the device keeps trusted TUF metadata: a handful of small files under one folder, or rows, or keys.
 * Names hold letters, digits, `.`, `-`, `_`, `~` and `%` only, so each can be a file name as it is.
 * A store should not follow links, and must tell names apart by case or may lose cached files (never trust).
 */
export interface MetadataStore {
  /** The bytes last written under `name`, or null. */
  read(name: string): Promise<Uint8Array | null>;
  /** Replaces atomically and durably: after a crash a reader sees the old bytes or the new ones. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Forgets `name`; nothing happens if there is none. */
  delete(name: string): Promise<void>;
}
