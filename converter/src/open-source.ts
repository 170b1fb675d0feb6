/**
 * Opens a model file of any format that is read, telling the format by content: the model as a graph, its digest, and a
 * way to run the original in its own runtime, loaded only when asked for (nothing of tfjs is loaded to convert).
 */
import { open, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { createSha256, sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Model } from "./ir/graph.ts";
import type { FileSource } from "./readers/file-source.ts";
import { folderSource } from "./readers/folder-source.ts";
import { openTfjsLayers } from "./readers/tfjs-layers/container.ts";
import { lowerTfjsLayers } from "./readers/tfjs-layers/read-tfjs-layers.ts";
import { readTflite } from "./readers/tflite/read-tflite.ts";
import { layersTruth, type SourceTruth, tfliteTruth } from "./runtimes/source-truth.ts";

export const sourceFormats = ["tfjs-layers", "tflite"] as const;
export type SourceFormat = (typeof sourceFormats)[number];

export interface OpenedSource {
  /** As given by the caller. */
  readonly path: string;
  readonly format: SourceFormat;
  /** Of the file; of a list of names and digests where the model is several files. */
  readonly sha256: string;
  /** In the phase `imported`. */
  readonly model: Model;
  /** The original in its own runtime. `runtimes`: `.tflite` runtimes, best first. Throws PROOF_UNAVAILABLE. */
  truth(runtimes: readonly TfliteRuntime[]): Promise<SourceTruth>;
}

export interface OpenSourceOptions {
  readonly format?: SourceFormat | "auto";
  /** Input name → whole shape: fixes dynamic sizes. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
}

/** @throws IO_NOT_FOUND, IO_FAILED, FORMAT_*, UNSUPPORTED_*, CONFIG_INVALID (input shapes) */
export async function openSource(path: string, options: OpenSourceOptions = {}): Promise<OpenedSource> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `There is no model at ${path}.`, { details: { path }, cause });
  });
  const file = found.isDirectory() ? join(path, "model.json") : path;
  const asked = options.format ?? "auto";
  const format = asked === "auto" ? await detectFormat(file) : asked;
  return format === "tflite" ? openTflite(path, file, options) : openLayers(path, file, options);
}

/** A name for the files made of a model: that of its file, or of its folder where the file is called model.json. */
export function modelNameOf(path: string): string {
  const whole = resolve(path);
  const name = basename(whole) === "model.json" ? basename(dirname(whole)) : basename(whole, extname(whole));
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return plain === "" ? "model" : plain;
}

async function detectFormat(file: string): Promise<SourceFormat> {
  const head = await firstBytes(file, 512);
  const text = String.fromCharCode(...head);
  if (text.slice(4, 8) === "TFL3") return "tflite";
  if (/^\s*\{/.test(text)) return "tfjs-layers";
  const recognised =
    text.startsWith("\x89HDF") ? "Keras HDF5"
    : text.startsWith("PK\x03\x04") ? "a ZIP archive (Keras v3?)"
    : null; // biome-ignore format: a table
  if (recognised) {
    throw new FlotillaError("UNSUPPORTED_FORMAT", `${basename(file)} is ${recognised}, which is not read yet.`, {
      details: { path: file, supported: sourceFormats },
    });
  }
  throw new FlotillaError(
    "FORMAT_UNRECOGNIZED",
    `${basename(file)} is none of the formats that Flotilla reads (${sourceFormats.join(", ")}).`,
    { details: { path: file, supported: sourceFormats } },
  );
}

async function firstBytes(file: string, count: number): Promise<Uint8Array> {
  try {
    const handle = await open(file, "r");
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(count), 0, count, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function openTflite(path: string, file: string, options: OpenSourceOptions): Promise<OpenedSource> {
  if (Object.keys(options.inputShapes ?? {}).length > 0) {
    throw new FlotillaError("CONFIG_INVALID", "--input is for models with dynamic sizes; this .tflite keeps its own.");
  }
  const bytes = new Uint8Array(
    await readFile(file).catch((cause: unknown) => {
      throw unreadable(file, cause);
    }),
  );
  const model = readTflite(bytes);
  return {
    path,
    format: "tflite",
    sha256: sha256Hex(bytes),
    model,
    truth: (runtimes) => tfliteTruth(bytes, runtimes),
  };
}

async function openLayers(path: string, file: string, options: OpenSourceOptions): Promise<OpenedSource> {
  const source = digestingSource(folderSource(dirname(resolve(file))));
  const container = await openTfjsLayers(source, basename(file));
  const model = lowerTfjsLayers(container, options.inputShapes ? { inputShapes: options.inputShapes } : {});
  return {
    path,
    format: "tfjs-layers",
    sha256: source.digest(),
    model,
    truth: () => layersTruth(container.artifacts(), model),
  };
}

/** Remembers the digest of every file that is read through it. */
function digestingSource(source: FileSource): FileSource & { digest(): string } {
  const digests = new Map<string, string>();
  return {
    label: source.label,
    size: (path) => source.size(path),
    read: async (path) => {
      const bytes = await source.read(path);
      digests.set(path, sha256Hex(bytes));
      return bytes;
    },
    digest: () => {
      const whole = createSha256();
      const lines = [...digests].map(([path, digest]) => `${path}\0${digest}\n`).sort();
      for (const line of lines) whole.update(new TextEncoder().encode(line));
      return whole.digestHex();
    },
  };
}

const unreadable = (file: string, cause: unknown): FlotillaError => {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  return new FlotillaError(
    missing ? "IO_NOT_FOUND" : "IO_FAILED",
    missing ? `There is no file ${file}.` : `${file} cannot be read.`,
    { details: { path: file }, cause },
  );
};
