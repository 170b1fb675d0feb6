/** The demo's three releases, from files to signed folders. The second carries broken files behind a sound one's goldens. */
import type { ConvertResult } from "@flotilla/converter/convert-result";
import { readTflite } from "@flotilla/converter/readers/tflite/read-tflite";
import type { CreatedRelease } from "@flotilla/converter/release/create-release";
import { packRelease } from "@flotilla/converter/release/pack-release";
import { writeReleaseFolder } from "@flotilla/converter/release/release-folder";
import { writeTflite } from "@flotilla/converter/writers/tflite/write-tflite";
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonValue } from "@flotilla/protocol/json-value";
import { permuteWeights } from "./sabotage.ts";

/** The int8 file is for boards with an NPU; every other device takes the next variant in the signed order. */
const accelerators: Readonly<Record<string, readonly string[]>> = { int8: ["npu"] };

export interface ReleaseFacts {
  readonly model: string;
  readonly release: string;
  readonly counter: number;
  readonly folder: string;
  /** `.npz` of golden inputs. */
  readonly inputs: string;
  readonly notes: string;
}

/** Packs the int8 and float16 variants of a conversion. */
export async function packDemoRelease(converted: ConvertResult, facts: ReleaseFacts): Promise<CreatedRelease> {
  const { folder, inputs, ...named } = facts;
  return await packRelease({
    ...named,
    source: converted.source.path,
    variants: ["int8", "float16"].map((recipe) => {
      const variant = converted.variants.find((candidate) => candidate.recipe === recipe);
      if (!variant) throw new FlotillaError("INTERNAL", `The conversion made no ${recipe} variant.`);
      return variant.file;
    }),
    createdAtMs: Date.now(),
    goldenInputs: inputs,
    labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
    accelerators,
    output: folder,
  });
}

/** The same release under another name, its files broken, everything else (goldens too) as it was. */
export async function packPermuted(sound: CreatedRelease, facts: Omit<ReleaseFacts, "inputs">): Promise<void> {
  const blobs = new Map(sound.blobs);
  const variants = sound.release.variants.map((variant) => {
    const file = writeTflite(permuteWeights(readTflite(sound.blobs.get(`${variant.digest}.tflite`)!)));
    const digest = sha256Hex(file);
    blobs.delete(`${variant.digest}.tflite`);
    blobs.set(`${digest}.tflite`, file);
    return { ...variant, digest, sizeBytes: file.byteLength };
  });
  const release = { ...sound.release, release: facts.release, counter: facts.counter, notes: facts.notes, variants };
  await writeReleaseFolder(facts.folder, {
    release,
    blobs,
    bytes: canonicalJsonBytes(release as unknown as JsonValue),
  });
}
