/**
 * From variants on disk to a release folder: runs the source model in its own runtime on the golden inputs, checks each
 * variant against the record that its conversion left, and packs. The one way in for the command line and the demo.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import manifest from "../../package.json" with { type: "json" };
import { checkLabels } from "../check-labels.ts";
import { type ConversionRecord, readRecord } from "../conversion-record.ts";
import type { ModelInput } from "../data/dataset.ts";
import { loadDataset } from "../data/load-dataset.ts";
import type { Preprocessing } from "../data/preparation.ts";
import { tensorOf } from "../ir/graph.ts";
import { type OpenedSource, openSource } from "../open-source.ts";
import { type EndAxes, endAxesOf, type SourceAxes } from "../runtimes/file-axes.ts";
import { type CreatedRelease, createRelease } from "./create-release.ts";
import { minGoldenSamples } from "./golden.ts";
import { goldenSamples } from "./golden-samples.ts";
import { writeReleaseFolder } from "./release-folder.ts";

const defaultGoldenSamples = 8;

export interface PackOptions {
  /** The source model, as `convert` got it. */
  readonly source: string;
  /** `.tflite` files in order of preference, or one folder of them: then the smallest comes first. */
  readonly variants: readonly string[];
  /** Ids of the model and the release. */
  readonly model: string;
  readonly release: string;
  readonly counter: number;
  readonly createdAtMs: number;
  /** Data as for calibration. */
  readonly goldenInputs: string;
  /** How many of them, evenly spread; 4 at least, default 8. */
  readonly samples?: number;
  /** Default: what the variants' records say. */
  readonly labels?: readonly string[];
  readonly notes?: string;
  /** Recipe → accelerators of which a device must have one. */
  readonly accelerators?: Readonly<Record<string, readonly string[]>>;
  /** Default: what the variants' records say. */
  readonly preprocess?: Preprocessing;
  /** Must not be there yet. */
  readonly output: string;
}

interface VariantFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly record: ConversionRecord | null;
}

/** @throws CONFIG_INVALID, INTEGRITY_DIGEST, PROOF_UNAVAILABLE, IO_*, FORMAT_*, UNSUPPORTED_*, QUANT_CALIBRATION_* */
export async function packRelease(options: PackOptions): Promise<CreatedRelease> {
  const samples = options.samples ?? defaultGoldenSamples;
  if (!Number.isSafeInteger(samples) || samples < minGoldenSamples) {
    throw new FlotillaError("CONFIG_INVALID", `${minGoldenSamples} golden samples are the least, asked: ${samples}.`);
  }
  const source = await openSource(options.source);
  const variants = await readVariants(options.variants);
  for (const { path, record } of variants) {
    if (record === null || record.source.sha256 === source.sha256) continue;
    throw new FlotillaError("INTEGRITY_DIGEST", `${path} was converted from another model than ${source.path}.`, {
      details: { path, expected: record.source.sha256, found: source.sha256 },
    });
  }
  const named = variants.map((variant) => ({ ...variant, recipe: variantName(variant) }));
  const unknown = Object.keys(options.accelerators ?? {}).filter(
    (name) => !named.some(({ recipe }) => recipe === name),
  );
  if (unknown.length > 0) {
    const names = named.map(({ recipe }) => recipe);
    throw new FlotillaError(
      "CONFIG_INVALID",
      `Accelerators are given for ${unknown.join(", ")}; the variants are ${names.join(", ")}.`,
      { details: { found: unknown, expected: names } },
    );
  }
  const preprocessing = options.preprocess ?? commonPreprocessing(variants);
  const labels = options.labels ?? commonLabels(variants);
  checkLabels(source.model, labels);
  const [fixed, litert] = [createTfliteRuntime(), createLitertRuntime()];
  const axes = commonAxes(named, source);
  const data = await loadDataset(options.goldenInputs, inputsOf(source, axes), preprocessing);
  const created = await createRelease({
    model: options.model,
    release: options.release,
    counter: options.counter,
    createdAtMs: options.createdAtMs,
    notes: options.notes ?? "",
    variants: named.map(({ recipe, bytes, record }) => {
      const accelerators = options.accelerators?.[recipe];
      return {
        recipe,
        file: bytes,
        proven: record?.proven ?? false,
        proof:
          record === null
            ? null
            : { recipe: record.recipeDocument ?? null, parity: record.parity, accuracy: record.accuracy },
        ...(accelerators === undefined ? {} : { accelerators }),
      };
    }),
    samples: await goldenSamples(source, axes, data, samples, [fixed, litert]),
    source: { name: basename(source.path), format: source.format, sha256: source.sha256 },
    preprocessing: Object.fromEntries(Object.entries(preprocessing).map(([name, steps]) => [name, [...steps]])),
    ...(labels === undefined ? {} : { labels }),
    converterVersion: manifest.version,
    runtimes: { fixed, others: [litert] },
  });
  await writeReleaseFolder(options.output, created);
  return created;
}

async function readVariants(paths: readonly string[]): Promise<VariantFile[]> {
  const [only] = paths;
  const isFolder = paths.length === 1 && only !== undefined && (await found(only)).isDirectory();
  const names = isFolder ? (await readdir(only)).sort() : [];
  if (isFolder && names.includes("model.json")) throw folderVariant(only);
  const folders = isFolder ? await tfjsFolders(only, names) : [];
  if (folders[0] !== undefined) throw folderVariant(folders[0]);
  const files = isFolder ? names.filter((name) => name.endsWith(".tflite")) : paths;
  const variants: VariantFile[] = [];
  for (const file of files) {
    const path = isFolder ? join(only, file) : file;
    if ((await found(path)).isDirectory()) throw folderVariant(path);
    const bytes = new Uint8Array(
      await readFile(path).catch((cause: unknown) => {
        throw new FlotillaError("IO_NOT_FOUND", `There is no variant at ${path}.`, { details: { path }, cause });
      }),
    );
    variants.push({ path, bytes, record: await readRecord(path, bytes) });
  }
  if (variants.length === 0) throw new FlotillaError("IO_NOT_FOUND", `There is no .tflite file in ${only ?? "()"}.`);
  return isFolder ? variants.sort((a, b) => a.bytes.byteLength - b.bytes.byteLength) : variants;
}

/** Variants that would otherwise be left out without a word. */
async function tfjsFolders(folder: string, names: readonly string[]): Promise<string[]> {
  const within = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return (await found(path)).isDirectory() && (await readdir(path)).includes("model.json") ? [path] : [];
    }),
  );
  return within.flat();
}

const folderVariant = (path: string): FlotillaError =>
  new FlotillaError(
    "UNSUPPORTED_FORMAT",
    `${path} is a folder, as TFJS variants are; releases hold .tflite files, not yet anything else. ` +
      "Name the .tflite files one by one, or keep TFJS variants in a folder of their own.",
    { details: { path, supported: ["tflite"] } },
  );

const found = (path: string) =>
  stat(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `There are no variants at ${path}.`, { details: { path }, cause });
  });

/** The recipe, or for a file without a record the file's own name. */
const variantName = ({ path, record }: VariantFile): string =>
  record?.recipe ??
  basename(path)
    .toLowerCase()
    .replace(/\.tflite$/, "")
    .replaceAll(/[^a-z0-9]+/g, "-");

function commonPreprocessing(variants: readonly VariantFile[]): Preprocessing {
  const recorded = variants.flatMap(({ record }) => (record === null ? [] : [record.preprocessing]));
  const [first = {}] = recorded;
  if (recorded.every((one) => JSON.stringify(one) === JSON.stringify(first))) return first;
  throw new FlotillaError(
    "CONFIG_INVALID",
    "The variants were converted with different preprocessing; a release has one. Convert them together.",
  );
}

function commonLabels(variants: readonly VariantFile[]): readonly string[] | undefined {
  const recorded = variants.flatMap(({ record }) => (record === null ? [] : [record.labels]));
  const [first] = recorded;
  if (recorded.every((one) => JSON.stringify(one) === JSON.stringify(first))) return first;
  throw new FlotillaError(
    "CONFIG_INVALID",
    "The variants were converted with different labels; a release has one list. Convert them together, or give --labels.",
  );
}

/** Where the variants' axes stand in the source. A release has one golden file, so all must agree. */
function commonAxes(variants: readonly VariantFile[], source: OpenedSource): EndAxes {
  const [graph] = source.model.graphs;
  const asItIs = graph ? endAxesOf(graph) : { inputs: [], outputs: [] };
  const recorded = variants.map(({ record }) => record?.sourceAxes ?? asItIs);
  const [first = asItIs] = recorded;
  const isPermutation = (axes: SourceAxes) => axes === null || axes.every((_, axis) => axes.includes(axis));
  const same = recorded.every((one) => JSON.stringify(one) === JSON.stringify(first));
  if (same && [...first.inputs, ...first.outputs].every(isPermutation)) return first;
  throw new FlotillaError(
    "CONFIG_INVALID",
    "The variants have inputs or outputs with other axes than each other; a release has one golden file. Convert them together.",
  );
}

/** The source's inputs as the variants have them. */
function inputsOf(source: OpenedSource, { inputs }: EndAxes): ModelInput[] {
  const [graph] = source.model.graphs;
  if (!graph) return [];
  return graph.inputs.map((id, at) => {
    const { name, dtype, shape } = tensorOf(graph, id);
    const axes = inputs[at];
    return axes
      ? { name, dtype, shape: axes.map((axis) => shape[axis] ?? 1), sourceAxes: axes }
      : { name, dtype, shape };
  });
}
