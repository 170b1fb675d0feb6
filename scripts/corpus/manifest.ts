/**
 * What the corpus holds (`test/corpus/manifest.json`): models made by the scripts of test/corpus/make, which lie in the
 * repository with the answers of the framework that made them, and models of npm packages, which are fetched by the
 * version and integrity of test/corpus/package-lock.json into the fixtures' cache, without their dependencies.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import lock from "../../test/corpus/package-lock.json" with { type: "json" };
import { type PackageEntry, packageFile } from "../fixtures.ts";
import type { Picture } from "./compare-picture.ts";
import type { Twin } from "./twin-answers.ts";

export const corpusFolder = join(import.meta.dirname, "..", "..", "test", "corpus");

export async function readManifest(): Promise<readonly CorpusEntry[]> {
  const text = await readFile(join(corpusFolder, "manifest.json"), "utf8");
  const { models }: { readonly models: readonly CorpusEntry[] } = JSON.parse(text);
  return models;
}

/** What must come of a model, for each output format. */
export type Expectation =
  | { readonly converts: true }
  /** Refused with this code; `operators`: all that the refusal must name, and no others. */
  | { readonly refused: string; readonly operators: readonly string[] };

export type Target = "tflite" | "tfjs";
export const targets: readonly Target[] = ["tflite", "tfjs"];

export interface CorpusEntry {
  readonly model: string;
  /** Below test/corpus; or a path inside `package`. */
  readonly file?: string;
  readonly package?: string;
  readonly path?: string;
  /** The package holds the model as UMD scripts. */
  readonly unwrap?: boolean;
  /** As `flotilla convert` must recognise it. */
  readonly format: string;
  readonly framework?: string;
  readonly licence: string;
  /** What about it is worth converting. */
  readonly tests: string;
  /** `.npz` below test/corpus. */
  readonly golden?: string;
  /** Bound for the recorded answers where it is not that of float32: quantized kernels round differently. */
  readonly goldenMaxRel?: number;
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** The same net in another format, whose own runtime gives the recorded answers. */
  readonly twin?: Twin;
  /** The input that takes pictures, and its shape: random numbers around zero tell nothing of such a net. */
  readonly images?: { readonly input: string; readonly shape: readonly number[] };
  /** What the package says the model makes of a picture. */
  readonly picture?: Picture;
  /** What the net learnt, and how many of that data's test images it gets right in its own framework. */
  readonly trained?: {
    readonly data: string;
    readonly testImages: number;
    readonly accuracy: number;
    readonly parameters: number;
  };
  /** Proven only when asked for by name or with --slow: its proof takes minutes. */
  readonly slow?: boolean;
  readonly expect: Expectation;
  /** Where TFJS differs from `expect`. */
  readonly expectTfjs?: Expectation;
}

export const expectationOf = (entry: CorpusEntry, target: Target): Expectation =>
  target === "tfjs" ? (entry.expectTfjs ?? entry.expect) : entry.expect;

/** The model on this disk, fetched on first use. Throws what `packageFile` throws. */
export async function modelPath(entry: CorpusEntry): Promise<string> {
  if (entry.file !== undefined) return join(corpusFolder, ...entry.file.split("/"));
  return packagePath(entry, entry.path ?? "", entry.unwrap);
}

/** A file of the entry's package. */
export async function packagePath(entry: CorpusEntry, path: string, unwrap = false): Promise<string> {
  const { package: name = "" } = entry;
  return packageFile(entry.model, published(name), { package: name, path, unwrap });
}

function published(name: string): PackageEntry {
  const locked: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>> = lock.packages;
  const { version, integrity } = locked[`node_modules/${name}`] ?? {};
  if (version !== undefined && integrity !== undefined) return { version, integrity };
  throw new FlotillaError("CONFIG_INVALID", `test/corpus/package-lock.json has no integrity of ${name}`);
}
