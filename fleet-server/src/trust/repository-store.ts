/**
 * Where a TUF repository lies: a folder on the engineer's machine, the server's own storage, memory in tests.
 * Names are relative, with `/`: `metadata/3.targets.json`, `metadata/timestamp.json`, `staged/root.json`,
 * `targets/models/…`, `history/7.timestamp.json`.
 */
import type { FileContent } from "./atomic-file.ts";

export interface TrustRepositoryStore {
  read(name: string): Promise<Uint8Array | null>;
  /** The names of the files directly in `folder`, sorted; empty if there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Writes only if nothing is there, atomically and durably. False if something is. */
  create(name: string, content: FileContent): Promise<boolean>;
  /** Replaces atomically and durably. */
  replace(name: string, content: FileContent): Promise<void>;
  /** Forgets a file; nothing happens if there is none. */
  delete(name: string): Promise<void>;
}
