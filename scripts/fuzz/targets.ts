/**
 * The readers under test: each format is opened as `flotilla convert` opens it, from files, and every constant is read.
 * Seeds are the small models of the corpus. What a checksum or a compression would hide from damage is rewrapped around
 * the damage (`rewrap.ts`), or nothing behind it would ever be reached.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SourceFormat } from "@flotilla/converter/sources/source";

/** The files of one model, by relative path; `main` is the one that is opened. */
export interface Seed {
  readonly main: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
}

export const fuzzTargets: readonly SourceFormat[] = [
  "tflite",
  "tfjs-layers",
  "tfjs-graph",
  "keras-h5",
  "keras-v3",
  "saved-model",
  "frozen-graph",
  "onnx",
];

const corpus = join(import.meta.dirname, "..", "..", "test", "corpus");
const maxSeedBytes = 64 * 1024;
const maxSeeds = 6;
/** Constants beyond this are not read: their bytes have no structure. */
const maxTouchedBytes = 2 ** 24;

interface CorpusEntry {
  readonly model: string;
  readonly file?: string;
  readonly format: string;
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  readonly expect: { readonly converts?: boolean };
}

/** The smallest models of the corpus in this format that convert. */
export function seedsOf(format: SourceFormat): readonly Seed[] {
  const { models }: { models: readonly CorpusEntry[] } = JSON.parse(
    readFileSync(join(corpus, "manifest.json"), "utf8"),
  );
  const seeds = models
    .filter((entry) => entry.format === format && entry.file !== undefined && entry.expect.converts === true)
    .map(({ file = "", inputShapes = {} }) => ({ ...filesAt(join(corpus, file)), inputShapes }));
  return seeds
    .map((seed) => ({ seed, bytes: Object.values(seed.files).reduce((sum, file) => sum + file.length, 0) }))
    .filter(({ bytes }) => bytes <= maxSeedBytes)
    .sort((a, b) => a.bytes - b.bytes)
    .slice(0, maxSeeds)
    .map(({ seed }) => seed);
}

/** A model file with its neighbours, or the files of a model's folder. */
function filesAt(path: string): Pick<Seed, "main" | "files"> {
  const isFolder = statSync(path).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "expected.npz")
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const files = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
  return { main: isFolder ? "" : path.slice(folder.length + 1), files };
}

/** Writes damaged models into one scratch folder and opens them there. */
export class ScratchFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), "flotilla-fuzz-"));

  /** Reads as far as the reader goes. @throws what the reader throws */
  async open(format: SourceFormat, { main, files, inputShapes }: Seed): Promise<void> {
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(this.#folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
    const { openSource } = await import("@flotilla/converter/open-source");
    const { model } = await openSource(join(this.#folder, main), { format, inputShapes });
    for (const graph of model.graphs) {
      for (const { constant } of graph.tensors.values()) {
        if (constant && constant.byteLength <= maxTouchedBytes) constant.bytes();
      }
    }
  }

  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
