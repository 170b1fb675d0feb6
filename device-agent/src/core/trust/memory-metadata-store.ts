/** Trusted metadata in memory: for virtual devices and tests. Same contract as the folder; nothing survives the process. */
import type { MetadataStore } from "../../ports/metadata-store.ts";

/** A store over `files`, which is its live content. */
export function memoryMetadataStore(files: Map<string, Uint8Array> = new Map()): MetadataStore {
  return {
    read: async (name) => files.get(name)?.slice() ?? null,
    write: async (name, bytes) => {
      files.set(name, bytes.slice());
    },
    delete: async (name) => {
      files.delete(name);
    },
  };
}
