/** Weights of TFJS files: least-error ranges, what stays float32, shards; decoded by tfjs-core itself. */
import "@tensorflow/tfjs-backend-cpu";
import * as core from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { constantOf } from "../../src/ir/graph.ts";
import { tfjsArtifacts } from "../../src/runtimes/tfjs-files.ts";
import { type AffineRange, leastErrorRange, quantizeTo } from "../../src/writers/tfjs-weights/affine-range.ts";
import type { TfjsWeight } from "../../src/writers/tfjs-weights/encode-weight.ts";
import type { TfjsRecipe } from "../../src/writers/tfjs-weights/tfjs-recipe.ts";
import { writeShards } from "../../src/writers/tfjs-weights/write-shards.ts";

/** A bell around 0 without randomness: the sum of three sawteeth. */
const bell = (count: number): Float32Array =>
  Float32Array.from(
    { length: count },
    (_, i) => ((i * 37) % 101) / 101 + ((i * 53) % 211) / 211 + ((i * 7) % 17) / 17 - 1.5,
  );

const errorOf = (values: Float32Array, range: AffineRange, levels: number): number =>
  values.reduce((sum, value) => sum + (quantizeTo(value, range, levels) * range.scale + range.min - value) ** 2, 0);

/** As TensorFlow.js's own converter does it: the whole range, 0 nudged onto a level. */
function wholeRange(values: Float32Array, levels: number): AffineRange {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const scale = (high - low) / (levels - 1);
  return { scale, min: low <= 0 && high >= 0 ? -Math.round(-low / scale) * scale : low };
}

describe("leastErrorRange", () => {
  test.each([256, 65_536])("is never worse than the whole range, and holds 0 exactly (%i levels)", (levels) => {
    const list = fc.array(fc.float({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 2, maxLength: 200 });
    fc.assert(
      fc.property(list, (numbers) => {
        const values = Float32Array.from(numbers);
        if (new Set(values).size === 1) return;
        const range = leastErrorRange(values, levels);
        expect(errorOf(values, range, levels)).toBeLessThanOrEqual(
          errorOf(values, wholeRange(values, levels), levels) * (1 + 1e-6),
        );
        if (Math.min(...values) > 0 || Math.max(...values) < 0) return;
        expect(Math.fround(quantizeTo(0, range, levels) * range.scale + range.min)).toBe(0);
      }),
    );
  });

  test("cuts off what is rare and far away", () => {
    const values = bell(1_000_000);
    values[77] = 6;
    const gain = errorOf(values, wholeRange(values, 256), 256) / errorOf(values, leastErrorRange(values, 256), 256);
    expect(gain).toBeGreaterThan(1.5);
  });

  test("one value is that value", () => {
    expect(leastErrorRange(new Float32Array(9).fill(0.3), 256)).toEqual({ scale: 1, min: Math.fround(0.3) });
  });
});

const weight = (name: string, shape: readonly number[], values: Float32Array): TfjsWeight => ({
  name,
  dtype: "float32",
  shape,
  constant: constantOf(new Uint8Array(values.buffer)),
});

/** Written, and read again by tfjs. */
function decoded(weights: readonly TfjsWeight[], recipe: TfjsRecipe): Record<string, Float32Array> {
  const { manifest, files } = writeShards(weights, recipe);
  const json = new TextEncoder().encode(JSON.stringify({ modelTopology: {}, weightsManifest: manifest }));
  const { weightSpecs, weightData } = tfjsArtifacts(new Map([["model.json", json], ...files]));
  const tensors = core.io.decodeWeights([...weightData], weightSpecs as core.io.WeightsManifestEntry[]);
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.dataSync<"float32">()]));
}

describe("weights", () => {
  beforeAll(() => core.setBackend("cpu"));

  const large = bell(40 * 50);
  const small = Float32Array.of(0.1, 1e-7, 70_000);

  test.each([
    ["float32", 0],
    ["float16", 2 ** -11],
    ["weights-uint16", 2 ** -15],
    ["weights-uint8", 2 ** -7],
  ] as const)("%s: tfjs reads what was written; small ones stay as they are", (recipe, bound) => {
    const found = decoded([weight("w", [40, 50], large), weight("b", [3], small)], recipe);
    expect(found.b).toEqual(small);
    const apart = large.map((value, i) => Math.abs(value - (found.w?.[i] ?? Number.NaN)));
    expect(Math.max(...apart)).toBeLessThanOrEqual(bound * Math.max(...large.map(Math.abs)));
  });

  test("what float16 cannot hold stays float32", () => {
    const wide = Float32Array.from(large, (value) => value * 1e6);
    expect(decoded([weight("w", [2000], wide)], "float16").w).toEqual(wide);
  });

  test("are cut every 4 MiB, wherever that falls, without padding", () => {
    const four = 4 * 2 ** 20;
    const flags: TfjsWeight = { name: "f", dtype: "bool", shape: [3], constant: constantOf(Uint8Array.of(1, 0, 1)) };
    const long = weight("w", [1_500_000], bell(1_500_000));
    const { manifest, files } = writeShards([flags, long], "float32");
    expect([...files].map(([name, bytes]) => [name, bytes.byteLength])).toEqual([
      ["group1-shard1of2.bin", four],
      ["group1-shard2of2.bin", 6_000_003 - four],
    ]);
    expect(manifest).toMatchObject([{ paths: [...files.keys()] }]);
    const found = decoded([flags, long], "float32").w;
    expect(found?.length).toBe(1_500_000);
    expect(bell(1_500_000).every((value, i) => value === found?.[i])).toBe(true);
  });
});
