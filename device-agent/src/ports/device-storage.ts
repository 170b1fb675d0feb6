/**
 * The device's files, as the agent needs them. Paths are relative, with `/` between segments, each of
 * `[A-Za-z0-9._~%-]+`; adapters keep them inside one folder. What is not there is null, never an error.
 */
export interface DeviceStorage {
  /** The whole file, or null. */
  read(path: string): Promise<Uint8Array | null>;
  /** Bytes of the file, or null. */
  size(path: string): Promise<number | null>;
  /** Replaces the file atomically and durably: after a crash a reader finds the old bytes or the new, whole. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds to the end of a file (created if need be). Not durable before {@link seal}: a crash may lose what was added. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Makes the bytes of `from` durable, then renames it over `to`, durably. */
  seal(from: string, to: string): Promise<void>;
  /** Removes the file; nothing happens if there is none. */
  remove(path: string): Promise<void>;
  /** Names of the files and folders directly in a folder, sorted; empty if there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Room for more files. */
  freeBytes(): Promise<number>;
}
