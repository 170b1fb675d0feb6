/** What every opener of a source gives: the model as a graph, its digest, and the original in its own runtime. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { createSha256 } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { digestOfPieces } from "../file-digest.ts";
import type { Model } from "../ir/graph.ts";
import type { FileSource } from "../readers/file-source.ts";
import type { SourceTruth } from "../runtimes/source-truth.ts";
import type { LayersModelParts } from "../writers/tfjs-layers/write-tfjs-layers.ts";

export const sourceFormats = [
  "tfjs-layers",
  "tfjs-graph",
  "keras-h5",
  "keras-v3",
  "saved-model",
  "frozen-graph",
  "onnx",
  "tflite",
] as const;
export type SourceFormat = (typeof sourceFormats)[number];

export interface OpenedSource {
  /** As given by the caller. */
  readonly path: string;
  readonly format: SourceFormat;
  /** Of the file; of a list of names and digests where the model is several files. */
  readonly sha256: string;
  /** In the phase `imported`. */
  readonly model: Model;
  /** Its images have channels first: inputs and outputs may be declared with channels last in the files made of it. */
  readonly channelsFirst?: boolean;
  /** Of a SavedModel: signatures beside the one that was taken, which are left behind. */
  readonly otherSignatures?: readonly string[];
  /** A LayersModel's topology and weights, to be written as a LayersModel again. */
  readonly layersModel?: () => LayersModelParts;
  /** The model for batches of any size, where it leaves that open and nothing in it depends on it; else null. */
  readonly anyBatch?: () => Model | null;
  /** The original in its own runtime. `runtimes`: `.tflite` runtimes, best first. Throws PROOF_UNAVAILABLE. */
  truth(runtimes: readonly TfliteRuntime[]): Promise<SourceTruth>;
}

export interface OpenSourceOptions {
  readonly format?: SourceFormat | "auto";
  /** Input name → whole shape: fixes dynamic sizes. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Of a SavedModel: which signature to take; default "serving_default", or the only one. */
  readonly signature?: string;
}

/** Opens a model of one format. `path` is what the caller gave, `file` the file that says what the model is. */
export type SourceOpener = (path: string, file: string, options: OpenSourceOptions) => Promise<OpenedSource>;

const digestChunkBytes = 4 * 2 ** 20;

/** The lowercase hex SHA-256 of a whole file, which is read piece by piece. */
export function digestOf(access: RandomAccess): string {
  return digestOfPieces(chunksOf(access));
}

function* chunksOf(access: RandomAccess): Generator<Uint8Array> {
  for (let at = 0; at < access.byteLength; at += digestChunkBytes)
    yield access.read(at, Math.min(digestChunkBytes, access.byteLength - at));
}

/** Remembers the digest of every file that is read through it. */
export function digestingSource(source: FileSource): FileSource & { digest(): string } {
  const digests = new Map<string, string>();
  return {
    label: source.label,
    size: (path) => source.size(path),
    open: async (path) => {
      const access = await source.open(path);
      digests.set(path, digestOf(access));
      return access;
    },
    read: async (path) => {
      const bytes = await source.read(path);
      digests.set(path, digestOfPieces([bytes]));
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

/** IO_NOT_FOUND or IO_FAILED. */
export const unreadable = (file: string, cause: unknown): FlotillaError => {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  return new FlotillaError(
    missing ? "IO_NOT_FOUND" : "IO_FAILED",
    missing ? `There is no file ${file}.` : `${file} cannot be read.`,
    { details: { path: file }, cause },
  );
};
