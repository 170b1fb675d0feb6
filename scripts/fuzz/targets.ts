/**
 * The readers under test: each format is opened as `flotilla convert` opens it, from files, and every constant is read.
 * Seeds are small models of the corpus, and files of HDF5 in all its versions. What a checksum or a compression would hide
 * from damage is rewrapped around the damage (`rewrap.ts`), or nothing behind it would ever be reached.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openHdf5 } from "@flotilla/converter/codecs/hdf5/open-hdf5";
import { openSource } from "@flotilla/converter/open-source";
import type { SourceFormat } from "@flotilla/converter/sources/source";
import { memoryAccess } from "@flotilla/protocol/random-access";
import { verifyTflite } from "@flotilla/protocol/tflite/verify-tflite";

/** The files of one model, by relative path; `main` is the one that is opened. */
export interface Seed {
  readonly main: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
  /** A file of the container's format that is no model; of the others, one that is refused would test nothing. */
  readonly isModel: boolean;
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

const root = join(import.meta.dirname, "..", "..");
const corpus = join(root, "test", "corpus");
const maxSeedBytes = 64 * 1024;
/** The smallest, and as many spread over the rest by size. */
const smallestSeeds = 6;
const spreadSeeds = 4;
/** Constants beyond this are not read: their bytes have no structure. */
const maxTouchedBytes = 2 ** 24;

interface CorpusEntry {
  readonly model: string;
  readonly file?: string;
  readonly format: string;
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  readonly expect: { readonly converts?: boolean };
}

/** Small models of the corpus in this format that convert. */
export function seedsOf(format: SourceFormat): readonly Seed[] {
  const { models }: { models: readonly CorpusEntry[] } = JSON.parse(
    readFileSync(join(corpus, "manifest.json"), "utf8"),
  );
  const small = models
    .filter((entry) => entry.format === format && entry.file !== undefined && entry.expect.converts === true)
    .map(({ file = "", inputShapes = {} }) => ({ ...filesAt(join(corpus, file)), inputShapes, isModel: true }))
    .map((seed) => ({ seed, bytes: Object.values(seed.files).reduce((sum, file) => sum + file.length, 0) }))
    .filter(({ bytes }) => bytes <= maxSeedBytes)
    .sort((a, b) => a.bytes - b.bytes)
    .map(({ seed }) => seed);
  const rest = small.slice(smallestSeeds);
  const spread = rest.filter((seed, at) => {
    const step = Math.max(Math.floor(rest.length / spreadSeeds), 1);
    return (at % step === 0 && at / step < spreadSeeds) || Object.keys(seed.files).includes("weights.bin"); // external data
  });
  return [...small.slice(0, smallestSeeds), ...spread, ...(format === "keras-h5" ? hdf5Seeds() : [])];
}

/** Old and new groups, indexes and filters; the last has links and types that are refused. */
const hdf5Seeds = (): readonly Seed[] =>
  ["hdf5-variants-gzip-latest.h5", "hdf5-chunks-v110.h5", "hdf5-refused.h5"].map((name) => ({
    main: name,
    files: { [name]: new Uint8Array(readFileSync(join(root, "converter/test/readers/keras/fixtures", name))) },
    inputShapes: {},
    isModel: false,
  }));

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

/** Writes damaged models into one scratch folder and opens them there: files of other models are never beside them. */
export class ScratchFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), "flotilla-fuzz-"));
  readonly #written = new Map<string, Uint8Array>();

  /** What stands between a file and a runtime, one reading after another; each may refuse. */
  readings(format: SourceFormat, { main, files, inputShapes }: Seed): readonly (() => Promise<void> | void)[] {
    this.#write(files);
    const bytes = files[main] ?? new Uint8Array(0);
    return [
      ...(format === "tflite" ? [() => void verifyTflite(bytes)] : []),
      ...(format === "keras-h5" ? [() => readHdf5(bytes)] : []),
      () => readModel(join(this.#folder, main), format, inputShapes),
    ];
  }

  #write(files: Seed["files"]): void {
    for (const name of this.#written.keys()) {
      if (files[name]) continue;
      rmSync(join(this.#folder, name));
      this.#written.delete(name);
    }
    for (const [name, bytes] of Object.entries(files)) {
      if (this.#written.get(name) === bytes) continue;
      const path = join(this.#folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      this.#written.set(name, bytes);
    }
  }

  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function readModel(path: string, format: SourceFormat, inputShapes: Seed["inputShapes"]): Promise<void> {
  const { model } = await openSource(path, { format, inputShapes });
  for (const graph of model.graphs) {
    for (const { constant } of graph.tensors.values()) {
      if (constant && constant.byteLength <= maxTouchedBytes) constant.bytes();
    }
  }
}

/** Links may lead back: the walk ends at so many groups. */
const mostGroups = 500;

/** Everything there is, of a model or not: links, attributes, elements. */
function readHdf5(bytes: Uint8Array): void {
  const open = [openHdf5(memoryAccess(bytes))];
  for (let at = 0; at < Math.min(open.length, mostGroups); at++) {
    const group = open[at];
    if (!group) break;
    for (const attribute of group.attributes.values()) {
      if (["text", "variable-text"].includes(attribute.type.kind)) attribute.texts();
    }
    for (const name of group.names) {
      const found = group.get(name);
      if (found?.kind === "group") open.push(found);
      else if (found && found.byteLength <= maxTouchedBytes) found.bytes();
    }
  }
}
