/** A TUF repository in memory, for simulations and tests; same contract as the folder. */
import type { FileContent } from "./atomic-file.ts";
import type { TrustRepositoryStore } from "./repository-store.ts";

/** An empty store; `files` is its live content. */
export function memoryStore(): TrustRepositoryStore & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    read: async (name) => files.get(name)?.slice() ?? null,
    list: async (folder) =>
      [...files.keys()]
        .filter((name) => name.startsWith(`${folder}/`) && !name.slice(folder.length + 1).includes("/"))
        .map((name) => name.slice(folder.length + 1))
        .sort(),
    async create(name, content) {
      const bytes = await collect(content);
      if (files.has(name)) return false;
      files.set(name, bytes);
      return true;
    },
    async replace(name, content) {
      files.set(name, await collect(content));
    },
    async delete(name) {
      files.delete(name);
    },
  };
}

async function collect(content: FileContent): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content.slice();
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
