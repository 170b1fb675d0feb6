/**
 * The release document: the variants of one model, in order of preference, and what a device needs to accept each.
 * It is a TUF target, signed by the model's release role (design: formats.md, "Release document").
 */
import { type Static, Type } from "typebox";
import { Blob, Digest, defineDocument, head, Id, SizeBytes, TimeMs, Uint32 } from "./document.ts";
import { PreprocessingStep } from "./preprocessing.ts";

export const TensorSpec = Type.Object({
  name: Type.String({ maxLength: 512 }),
  dtype: Type.String({ maxLength: 16 }),
  shape: Type.Array(Type.Integer({ minimum: -1 }), { maxItems: 16 }),
});

/** What a device must have. An attribute that a device does not report is inadmissible, reason `unknown`. */
export const Requirements = Type.Object({
  /** Operator → the highest version used and the dtypes it runs in. */
  operators: Type.Record(
    Type.String(),
    Type.Object({ maxVersion: Type.Integer({ minimum: 1 }), dtypes: Type.Array(Type.String()) }),
  ),
  /** Runtimes that can run it, with the lowest version of each ("1.14.0"). */
  runtimes: Type.Array(Type.Object({ name: Type.String(), minVersion: Type.String() }), { minItems: 1 }),
  /** Peak working memory of one run. */
  arenaBytes: SizeBytes,
  sizeBytes: SizeBytes,
  /** Storage needed while it is installed beside the running one. */
  storageBytes: SizeBytes,
  /** Accelerators of which the device must have at least one; absent: none needed. */
  accelerators: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
  inputs: Type.Array(TensorSpec),
  outputs: Type.Array(TensorSpec),
  /** Lowest version of the embedding app. */
  appVersion: Type.Optional(Type.String()),
});
export type Requirements = Static<typeof Requirements>;

/** How close the device must come in its trial. */
export const TrialTolerance = Type.Object({
  /** Floats: |device − variant| ≤ atol + rtol·|variant|. */
  atol: Type.Number({ minimum: 0 }),
  rtol: Type.Number({ minimum: 0 }),
  /** Integers: within this many units. */
  integerUnits: Type.Integer({ minimum: 2 }),
  /** Agreement with the source model: at least one of the two is given. */
  minSqnrDb: Type.Optional(Type.Number()),
  minTop1Agreement: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
});
export type TrialTolerance = Static<typeof TrialTolerance>;

export const Variant = Type.Object({
  name: Id,
  digest: Digest,
  sizeBytes: SizeBytes,
  format: Type.Union([Type.Literal("tflite"), Type.Literal("tfjs")]),
  recipe: Type.String({ maxLength: 64 }),
  requirements: Requirements,
  /** `.npz` with `input/<name>`, `source/<output>`, `variant/<output>`, at least 4 samples each. */
  golden: Blob,
  tolerance: TrialTolerance,
  preprocessing: Type.Record(Type.String(), Type.Array(PreprocessingStep)),
  outputs: Type.Object({ labels: Type.Optional(Type.Array(Type.String(), { maxItems: 100_000 })) }),
  /** Was it proven against the source model's runtime? */
  proven: Type.Boolean(),
});
export type Variant = Static<typeof Variant>;

export const Evaluation = Type.Object({
  dataset: Type.Object({ name: Type.String(), digest: Digest, samples: Uint32 }),
  variant: Id,
  metric: Type.String(),
  value: Type.Number(),
  low: Type.Number(),
  high: Type.Number(),
  slices: Type.Array(
    Type.Object({
      by: Type.Record(Type.String(), Type.String()),
      samples: Uint32,
      value: Type.Number(),
      low: Type.Number(),
      high: Type.Number(),
    }),
  ),
});

export const Release = Type.Object({
  ...head("release"),
  model: Id,
  release: Id,
  createdAtMs: TimeMs,
  /** Raised by the release engineer; repeated with `minCounter` in the TUF target's custom metadata. */
  counter: Uint32,
  variants: Type.Array(Variant, { minItems: 1, maxItems: 64 }),
  evaluations: Type.Array(Evaluation),
  provenance: Blob,
  notes: Type.String({ maxLength: 10_000 }),
});
export type Release = Static<typeof Release>;
export const releaseDocument = defineDocument("release", 1, Release);

/** Where a release's files lie among the TUF targets. One path segment below the model: TUF globs do not cross "/". */
export const releaseTargetPath = (model: string, release: string): string => `models/${model}/${release}.release.json`;
export const blobTargetPath = (model: string, digest: string, extension: "tflite" | "npz" | "json"): string =>
  `models/${model}/${digest}.${extension}`;
/** The delegated TUF role that signs a model's releases, and the paths it may sign. */
export const releaseRole = (model: string): string => `release-${model}`;
export const releaseRolePaths = (model: string): string[] => [`models/${model}/*`];

/** Custom metadata of a release document's TUF target. */
export const ReleaseCustom = Type.Object({ counter: Uint32, minCounter: Uint32 });
export type ReleaseCustom = Static<typeof ReleaseCustom>;
