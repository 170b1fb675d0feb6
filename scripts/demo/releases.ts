/** The demo's three releases, from files to signed folders. The second carries broken files behind a sound one's goldens. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { ConvertResult } from "@flotilla/converter/convert-result";
import { openSource } from "@flotilla/converter/open-source";
import { readTflite } from "@flotilla/converter/readers/tflite/read-tflite";
import { type CreatedRelease, createRelease } from "@flotilla/converter/release/create-release";
import { sampleOf, stackSamples } from "@flotilla/converter/release/golden";
import { writeReleaseFolder } from "@flotilla/converter/release/release-folder";
import { writeTflite } from "@flotilla/converter/writers/tflite/write-tflite";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { canonicalJsonBytes } from "@flotilla/protocol/canonical-json";
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonValue } from "@flotilla/protocol/json-value";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { permuteWeights } from "./sabotage.ts";

/** The int8 file is for boards with an NPU; every other device takes the next variant in the signed order. */
const accelerators: Readonly<Record<string, readonly string[]>> = { int8: ["npu"] };

export interface ReleaseFacts {
  readonly model: string;
  readonly release: string;
  readonly counter: number;
  readonly folder: string;
  /** Golden inputs, one stack. */
  readonly inputs: NdArray;
  readonly notes: string;
}

/** Packs the int8 and float16 variants of a conversion. */
export async function packRelease(converted: ConvertResult, facts: ReleaseFacts): Promise<CreatedRelease> {
  const fixed = createTfliteRuntime();
  const litert = createLitertRuntime();
  const source = await openSource(converted.source.path);
  const truth = await source.truth([fixed]);
  try {
    const count = facts.inputs.shape[0]!;
    const outputs = await truth.run(Array.from({ length: count }, (_, at) => [sampleOf(facts.inputs, at)]));
    const created = await createRelease({
      model: facts.model,
      release: facts.release,
      counter: facts.counter,
      createdAtMs: Date.now(),
      notes: facts.notes,
      variants: await Promise.all(
        ["int8", "float16"].map(async (recipe) => {
          const variant = converted.variants.find((candidate) => candidate.recipe === recipe);
          if (!variant) throw new FlotillaError("INTERNAL", `The conversion made no ${recipe} variant.`);
          const needs = accelerators[recipe];
          return {
            recipe,
            file: new Uint8Array(await readFile(variant.file)),
            proven: variant.proven,
            proof: variant.parity,
            ...(needs === undefined ? {} : { accelerators: needs }),
          };
        }),
      ),
      samples: { inputs: [facts.inputs], sourceOutputs: [stackSamples(outputs.map((sample) => sample[0]!))] },
      source: {
        name: path.basename(converted.source.path),
        format: converted.source.format,
        sha256: converted.source.sha256,
      },
      labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
      converterVersion: "0.1.0",
      runtimes: { fixed, others: [litert] },
    });
    await writeReleaseFolder(facts.folder, created);
    return created;
  } finally {
    truth.close();
  }
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
