/**
 * Where a release's variants come from, as an in-toto Statement v1 (predicate SLSA provenance v1): source digests,
 * converter version, recipes, runtime builds, proofs (design: formats.md, "Provenance").
 */
import type { Variant } from "@flotilla/protocol/documents/release";
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import type { ReleaseRequest } from "./create-release.ts";

export interface SourceFacts {
  /** File name, without its folder. */
  readonly name: string;
  readonly format: string;
  readonly sha256: string;
}

export function provenanceStatement(request: ReleaseRequest, variants: readonly Variant[]): JsonObject {
  const { fixed, others } = request.runtimes;
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: variants.map(({ name, digest }) => ({
      name: `${request.model}-${name}.tflite`,
      digest: { sha256: digest },
    })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:flotilla:convert:v1",
        externalParameters: { recipes: request.variants.map(({ recipe }) => recipe) },
        resolvedDependencies: [
          {
            name: request.source.name,
            digest: { sha256: request.source.sha256 },
            annotations: { format: request.source.format },
          },
        ],
      },
      runDetails: {
        builder: { id: "urn:flotilla:converter", version: { converter: request.converterVersion } },
        metadata: {
          runtimes: [fixed, ...others].map(({ name, version, build }) => ({ name, version, build })),
          proofs: Object.fromEntries(
            request.variants.map(({ recipe, proven, proof }) => [
              recipe,
              proven ? (JSON.parse(JSON.stringify(proof ?? {})) as JsonValue) : { proven: false },
            ]),
          ),
        },
      },
    },
  };
}
