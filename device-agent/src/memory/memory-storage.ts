/**
 * Device storage in memory: for virtual devices, and for tests, where `crash` loses what was not made durable, as a
 * power cut does. Passes the same contract suite as the file adapter.
 */
import type { DeviceStorage } from "../ports/device-storage.ts";

export interface MemoryStorage extends DeviceStorage {
  /** A power cut: everything appended but not sealed is gone. */
  crash(): void;
  /** Overwrites bytes behind the agent's back, as a failing flash chip does. */
  damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void;
}

/** A file being appended to: grows by half, so that a large download is not copied with every chunk. */
class GrowingBytes {
  #buffer: Uint8Array;
  #length: number;

  constructor(start: Uint8Array) {
    this.#buffer = start;
    this.#length = start.length;
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length || this.#length === 0) {
      const grown = new Uint8Array(Math.max(length, Math.ceil(this.#buffer.length * 1.5)));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}

export function memoryStorage(options: { readonly freeBytes?: number } = {}): MemoryStorage {
  const durable = new Map<string, Uint8Array>();
  const loose = new Map<string, GrowingBytes>();
  const current = (path: string): Uint8Array | null => loose.get(path)?.bytes() ?? durable.get(path) ?? null;
  return {
    read: async (path) => current(path)?.slice() ?? null,
    size: async (path) => current(path)?.length ?? null,
    async write(path, bytes) {
      durable.set(path, bytes.slice());
      loose.delete(path);
    },
    async append(path, bytes) {
      const file = loose.get(path) ?? new GrowingBytes(durable.get(path) ?? new Uint8Array());
      file.append(bytes);
      loose.set(path, file);
    },
    async seal(from, to) {
      const bytes = current(from);
      if (bytes === null) return;
      durable.set(to, bytes.slice());
      loose.delete(to);
      durable.delete(from);
      loose.delete(from);
    },
    async remove(path) {
      durable.delete(path);
      loose.delete(path);
    },
    async list(folder) {
      const names = new Set<string>();
      for (const path of [...durable.keys(), ...loose.keys()]) {
        if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split("/")[0] ?? "");
      }
      return [...names].sort();
    },
    freeBytes: async () => options.freeBytes ?? 2 ** 40,
    crash: () => loose.clear(),
    damage(path, change) {
      const bytes = current(path);
      if (bytes !== null) durable.set(path, change(bytes.slice()));
      loose.delete(path);
    },
  };
}
