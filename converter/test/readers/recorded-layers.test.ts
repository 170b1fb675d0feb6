/**
 * Layers that tfjs-layers does not have, or means otherwise than Keras, against what Keras 2 and 3 answered
 * (`recorded-layers/make-recorded-layers.py`), in every runtime.
 */
import { readFile } from "node:fs/promises";
import type { JsonObject } from "@flotilla/protocol/json-value";
import { describe, expect, it } from "vitest";
import { runPasses } from "../../src/passes/pipeline.ts";
import type { Weight } from "../../src/readers/tfjs-layers/container.ts";
import { keras2Topology } from "../../src/readers/tfjs-layers/keras2-form.ts";
import { layerLowerings } from "../../src/readers/tfjs-layers/lower/layer-lowerings.ts";
import { lowerLayersModel } from "../../src/readers/tfjs-layers/lower-model.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { runInRuntimes, worstRelative } from "../run-tflite.ts";
import { layerCases } from "./layer-cases.ts";
import { indexLayerCases, sequenceLayerCases } from "./sequence-layer-cases.ts";
import { spatialLayerCases } from "./spatial-layer-cases.ts";

interface StoredArray {
  readonly shape: readonly number[];
  /** In float32 values. */
  readonly offset: number;
}

interface RecordedCase {
  readonly name: string;
  readonly topology: JsonObject;
  readonly weights: readonly (StoredArray & { readonly name: string })[];
  readonly inputs: readonly StoredArray[];
  readonly outputs: readonly StoredArray[];
}

const folder = new URL("recorded-layers/", import.meta.url);
const lines = (await readFile(new URL("layers.jsonl", folder), "utf8")).trimEnd().split("\n");
const cases: RecordedCase[] = lines.map((line) => JSON.parse(line));
const data = Uint8Array.from(await readFile(new URL("layers.bin", folder)));

function valuesOf({ shape, offset }: StoredArray): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  return new Float32Array(data.buffer, offset * 4, count);
}

function weightsOf(recorded: RecordedCase): ReadonlyMap<string, Weight> {
  return new Map(
    recorded.weights.map((stored) => {
      const values = valuesOf(stored);
      const bytes = () => new Uint8Array(values.slice().buffer);
      return [
        stored.name,
        { name: stored.name, dtype: "float32", shape: stored.shape, byteLength: values.byteLength, bytes },
      ];
    }),
  );
}

function converted(recorded: RecordedCase): Uint8Array {
  const modelTopology = keras2Topology(recorded.topology, { keepCalls: true });
  const weights = weightsOf(recorded);
  return writeTflite(runPasses(lowerLayersModel({ label: recorded.name, modelTopology, weights, dialect: "keras" })));
}

describe("layers as Keras answered", () => {
  it.each(cases.map((recorded) => [recorded.name, recorded] as const))("%s", async (_, recorded) => {
    const results = await runInRuntimes(converted(recorded), recorded.inputs.map(valuesOf));
    expect(results.map(({ outputs }) => outputs.length)).toEqual(results.map(() => recorded.outputs.length));
    for (const { runtime, outputs } of results) {
      const worst = Math.max(...recorded.outputs.map((stored, i) => worstRelative(valuesOf(stored), outputs[i]!)));
      expect(worst, runtime).toBeLessThanOrEqual(1e-4);
    }
  });
});

describe("the list of layers", () => {
  it("has none that no table tries", () => {
    const tables = [layerCases, spatialLayerCases, sequenceLayerCases, indexLayerCases];
    const recorded = cases.flatMap(({ topology }) =>
      [...JSON.stringify(topology).matchAll(/"class_name":"(\w+)"/g)].map(([, name]) => name ?? ""),
    );
    const classes = new Set([
      ...tables
        .flatMap((table) => Object.keys(table))
        .join(" ")
        .split(/[\s,:]+/),
      ...recorded,
    ]);
    // Another name of a class that is tried.
    const alias =
      /^(Convolution|SeparableConvolution|Deconvolution)|(Max|Avg)Pool\dD$|^(SyncBatchNormalization|GroupQueryAttention|GroupedQueryAttention)$/;
    // Augmentation: the tables have five of them, and all share one lowering.
    const untried = [...layerLowerings].filter(
      ([name, lowering]) => !classes.has(name) && !alias.test(name) && !lowering.classNames.includes("RandomFlip"),
    );
    expect(untried.map(([name]) => name)).toEqual([]);
  });
});
