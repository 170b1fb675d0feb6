/**
 * Packs variants into a release: the document, golden files, requirements derived from the files, provenance; every blob
 * addressed by SHA-256. The same inputs give the same bytes: the time of creation comes from the caller
 * (design: formats.md, "Release document", "Provenance").
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { parseDocument } from "@flotilla/protocol/documents/document";
import type { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import { type Release, releaseDocument, type Variant } from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { readTflite } from "../readers/tflite/read-tflite.ts";
import { type GoldenSamples, makeGolden } from "./golden.ts";
import { provenanceStatement, type SourceFacts } from "./provenance.ts";
import { deriveRequirements } from "./requirements.ts";

export interface ReleaseVariant {
  /** Also the variant's name in the release. */
  readonly recipe: string;
  readonly file: Uint8Array;
  readonly proven: boolean;
  /** What the proof said; goes into the provenance as it is. */
  readonly proof: unknown;
  /** A device must have one of these. */
  readonly accelerators?: readonly string[];
}

export interface ReleaseRequest {
  readonly model: string;
  readonly release: string;
  readonly counter: number;
  readonly createdAtMs: number;
  readonly notes?: string;
  /** In order of preference. */
  readonly variants: readonly ReleaseVariant[];
  readonly samples: GoldenSamples;
  readonly source: SourceFacts;
  readonly evaluations?: Release["evaluations"];
  readonly preprocessing?: Readonly<Record<string, PreprocessingStep[]>>;
  readonly labels?: readonly string[];
  readonly converterVersion: string;
  readonly runtimes: { readonly fixed: TfliteRuntime; readonly others: readonly TfliteRuntime[] };
}

export interface CreatedRelease {
  readonly release: Release;
  /** RFC 8785 bytes of the document. */
  readonly bytes: Uint8Array;
  /** File name `<digest>.<extension>` → content. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** @throws CONFIG_INVALID, FORMAT_* for a file that is no model, UNSUPPORTED_RUNTIME for one that no runtime loads */
export async function createRelease(request: ReleaseRequest): Promise<CreatedRelease> {
  if (request.variants.length === 0) throw new FlotillaError("CONFIG_INVALID", "A release has at least one variant.");
  const blobs = new Map<string, Uint8Array>();
  const keep = (bytes: Uint8Array, extension: string) => {
    const digest = sha256Hex(bytes);
    blobs.set(`${digest}.${extension}`, bytes);
    return { digest, sizeBytes: bytes.byteLength };
  };
  const variants: Variant[] = [];
  for (const { recipe, file, proven, accelerators } of request.variants) {
    const model = readTflite(file);
    const golden = await makeGolden(file, model, request.samples, request.runtimes);
    variants.push({
      name: recipe,
      ...keep(file, "tflite"),
      format: "tflite",
      recipe,
      requirements: {
        ...deriveRequirements(model, file.byteLength),
        ...(accelerators === undefined ? {} : { accelerators: [...accelerators] }),
      },
      golden: keep(golden.npz, "npz"),
      tolerance: golden.tolerance,
      preprocessing: { ...request.preprocessing },
      outputs: request.labels === undefined ? {} : { labels: [...request.labels] },
      proven,
    });
  }
  const statement = provenanceStatement(request, variants);
  const document: Release = {
    type: releaseDocument.type as "flotilla/release",
    version: releaseDocument.version,
    model: request.model,
    release: request.release,
    createdAtMs: request.createdAtMs,
    counter: request.counter,
    variants,
    evaluations: request.evaluations ?? [],
    provenance: keep(canonicalJsonBytes(statement), "json"),
    notes: request.notes ?? "",
  };
  const release = parseDocument(releaseDocument, document);
  return { release, bytes: canonicalJsonBytes(release as never), blobs };
}
