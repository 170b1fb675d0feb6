/**
 * Weights as the weight files of a TFJS model and their manifest: one group, its bytes end to end without padding, cut
 * every 4 MiB wherever that falls (`tensorflowjs/write_weights.py`).
 */
import type { JsonObject } from "@flotilla/protocol/json-value";
import { encodeWeight, type TfjsWeight } from "./encode-weight.ts";
import type { TfjsRecipe } from "./tfjs-recipe.ts";

const shardBytes = 4 * 1024 * 1024;

export interface WrittenWeights {
  /** `weightsManifest` of model.json. */
  readonly manifest: readonly JsonObject[];
  /** File name → bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export function writeShards(weights: Iterable<TfjsWeight>, recipe: TfjsRecipe): WrittenWeights {
  const entries: JsonObject[] = [];
  const shards = new ShardWriter();
  for (const weight of weights) {
    const { entry, bytes } = encodeWeight(weight, recipe);
    entries.push(entry);
    shards.add(bytes);
  }
  const files = shards.finish();
  if (entries.length === 0) return { manifest: [], files };
  return { manifest: [{ paths: [...files.keys()], weights: entries }], files };
}

class ShardWriter {
  readonly #full: Uint8Array[] = [];
  #open = new Uint8Array(shardBytes);
  #filled = 0;

  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.byteLength; ) {
      const part = bytes.subarray(from, from + shardBytes - this.#filled);
      this.#open.set(part, this.#filled);
      this.#filled += part.byteLength;
      from += part.byteLength;
      if (this.#filled < shardBytes) continue;
      this.#full.push(this.#open);
      this.#open = new Uint8Array(shardBytes);
      this.#filled = 0;
    }
  }

  finish(): Map<string, Uint8Array> {
    const all = this.#filled > 0 ? [...this.#full, this.#open.slice(0, this.#filled)] : this.#full;
    return new Map(all.map((bytes, i) => [`group1-shard${i + 1}of${all.length}.bin`, bytes]));
  }
}
