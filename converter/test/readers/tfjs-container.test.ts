/** The container of TFJS LayersModels: shards, quantized weights, and every way the bytes can contradict model.json. */

import { FlotillaError } from "@flotilla/protocol/errors";
import "@tensorflow/tfjs-backend-cpu";
import { io } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { float32ValuesOf, int32ValuesOf } from "../../src/ir/values.ts";
import { memorySource } from "../../src/readers/file-source.ts";
import { openTfjsLayers } from "../../src/readers/tfjs-layers/container.ts";

type Spec = Record<string, unknown> & { name: string; shape: number[]; dtype: string };

function modelFiles(
  groups: { paths: string[]; weights: Spec[] }[],
  shards: Record<string, Uint8Array>,
  change: Record<string, unknown> = {},
): Record<string, Uint8Array | string> {
  const topology = { model_config: { class_name: "Sequential", config: [] } };
  return {
    "model.json": JSON.stringify({
      format: "layers-model",
      modelTopology: topology,
      weightsManifest: groups,
      ...change,
    }),
    ...shards,
  };
}

const open = (files: Record<string, Uint8Array | string>) => openTfjsLayers(memorySource(files, "test"));

async function failure(files: Record<string, Uint8Array | string>): Promise<FlotillaError> {
  const error = await open(files).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FlotillaError);
  return error as FlotillaError;
}

const bytes = (count: number, of: (i: number) => number = (i) => (i * 37 + 11) & 0xff): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => of(i));

describe("values", () => {
  const specs: Spec[] = [
    { name: "a", shape: [3], dtype: "float32" },
    { name: "flag", shape: [3], dtype: "bool" },
    { name: "b", shape: [2, 5], dtype: "float32", quantization: { dtype: "uint8", scale: 0.03262380805670046, min: -5.0893140568452715 } },
    { name: "c", shape: [7], dtype: "float32", quantization: { dtype: "uint16", scale: 0.000123456789, min: -1.75 } },
    { name: "d", shape: [9], dtype: "float32", quantization: { dtype: "float16" } },
    { name: "e", shape: [4], dtype: "int32", quantization: { dtype: "uint8", scale: 0.5, min: -63.25 } },
    { name: "f", shape: [], dtype: "int32" },
  ]; // biome-ignore format: a table
  const sizes = [12, 3, 10, 14, 18, 4, 4];
  const total = sizes.reduce((sum, size) => sum + size);

  it.each([[[65]], [[1, 30, 20, 14]], [[13, 13, 13, 13, 13]]])(
    "are those of tfjs, shards of %j bytes",
    async (cuts) => {
      const stored = new Uint8Array(total).map((_, i) =>
        i === 3 || i === 7 || i === 11 ? 0x40 : (i * 37 + 11) & 0xff,
      );
      // Half floats of every class: zero, subnormal, normal, infinite.
      new DataView(stored.buffer).setUint16(39, 0x0001, true);
      new DataView(stored.buffer).setUint16(41, 0x83ff, true);
      new DataView(stored.buffer).setUint16(43, 0x7c00, true);
      new DataView(stored.buffer).setUint16(45, 0x8000, true);
      const shards: Record<string, Uint8Array> = {};
      let at = 0;
      cuts.forEach((cut, i) => {
        shards[`shard${i}`] = stored.slice(at, at + cut);
        at += cut;
      });
      expect(at).toBe(total);
      const container = await open(modelFiles([{ paths: Object.keys(shards), weights: specs }], shards));
      const expected = io.decodeWeights(stored.buffer, specs as unknown as io.WeightsManifestEntry[]);
      expect([...container.weights.keys()]).toEqual(specs.map(({ name }) => name));
      for (const [name, weight] of container.weights) {
        const found = weight.bytes();
        expect(found.byteLength, name).toBe(weight.byteLength);
        const values =
          weight.dtype === "bool" ? found : weight.dtype === "int32" ? int32ValuesOf(found) : float32ValuesOf(found);
        expect([...values], name).toEqual([...(expected[name]?.dataSync() ?? [])]);
      }
    },
  );

  it("leaves an optimizer's state aside and hands the source runtime everything", async () => {
    const weights = [
      { name: "k", shape: [1], dtype: "float32" },
      { name: "iter", shape: [1], dtype: "int32", group: "optimizer" },
    ];
    const container = await open(modelFiles([{ paths: ["s"], weights }], { s: bytes(8) }));
    expect([...container.weights.keys()]).toEqual(["k"]);
    const { weightSpecs, weightData } = container.artifacts();
    expect(weightSpecs).toEqual(weights);
    expect(new Uint8Array(weightData[0] ?? new ArrayBuffer(0))).toEqual(bytes(8));
  });
});

describe("bad input", () => {
  const weights: Spec[] = [
    { name: "k", shape: [2, 2], dtype: "float32" },
    { name: "b", shape: [2], dtype: "float32" },
  ];
  const manifest = (change: Partial<Spec> = {}) => [
    { paths: ["s1", "s2"], weights: [{ ...weights[0], ...change } as Spec, weights[1] as Spec] },
  ];
  const shards = { s1: bytes(10), s2: bytes(14) };

  it("names every missing shard", async () => {
    const error = await failure(modelFiles(manifest(), {}));
    expect(error).toMatchObject({ code: "FORMAT_WEIGHTS_MISSING", details: { missing: ["s1", "s2"] } });
    expect((await failure(modelFiles(manifest(), { s1: bytes(10) }))).details).toEqual({ missing: ["s2"] });
  });

  it("names the weight within which the bytes end", async () => {
    const error = await failure(modelFiles(manifest(), { s1: bytes(10), s2: bytes(5) }));
    expect(error).toMatchObject({
      code: "FORMAT_WEIGHTS_MISMATCH",
      details: { weight: "k", foundBytes: 15, expectedBytes: 24 },
    });
  });

  it.each<[string, Record<string, Uint8Array | string>, string]>([
    ["surplus bytes", modelFiles(manifest(), { s1: bytes(10), s2: bytes(15) }), "FORMAT_WEIGHTS_MISMATCH"],
    ["a shape that asks for more", modelFiles(manifest({ shape: [2, 3] }), shards), "FORMAT_WEIGHTS_MISMATCH"],
    ["a shape that asks for terabytes", modelFiles(manifest({ shape: [2 ** 20, 2 ** 20] }), shards), "FORMAT_LIMIT"],
    ["a rank that tfjs does not have", modelFiles(manifest({ shape: [1, 1, 1, 1, 1, 2, 2] }), shards), "FORMAT_LIMIT"],
    ["a negative size", modelFiles(manifest({ shape: [-2, 2] }), shards), "FORMAT_JSON"],
    ["an unknown dtype", modelFiles(manifest({ dtype: "string" }), shards), "UNSUPPORTED_FORMAT"],
    [
      "an unknown quantization",
      modelFiles(manifest({ quantization: { dtype: "int4" } }), shards),
      "UNSUPPORTED_FORMAT",
    ],
    [
      "quantization without a scale",
      modelFiles(manifest({ quantization: { dtype: "uint8", min: 0 } }), shards),
      "FORMAT_JSON",
    ],
    ["two weights of one name", modelFiles(manifest({ name: "b" }), shards), "FORMAT_CORRUPT"],
    ["a path out of the folder", modelFiles([{ paths: ["../s1"], weights }], shards), "FORMAT_CORRUPT"],
    ["an absolute path", modelFiles([{ paths: ["/etc/passwd"], weights }], shards), "FORMAT_CORRUPT"],
    ["a drive", modelFiles([{ paths: ["C:s1"], weights }], shards), "FORMAT_CORRUPT"],
    ["a backslash", modelFiles([{ paths: ["a\\..\\..\\s1"], weights }], shards), "FORMAT_CORRUPT"],
    ["a graph model", modelFiles(manifest(), shards, { format: "graph-model" }), "UNSUPPORTED_FORMAT"],
    ["no topology", modelFiles(manifest(), shards, { modelTopology: null }), "FORMAT_UNRECOGNIZED"],
    ["a manifest that is no list", modelFiles(manifest(), shards, { weightsManifest: {} }), "FORMAT_JSON"],
    [
      "truncated JSON",
      { ...shards, "model.json": `${modelFiles(manifest(), {})["model.json"]}`.slice(0, 90) },
      "FORMAT_JSON",
    ],
    ["no model.json", shards, "IO_NOT_FOUND"],
  ])("refuses %s", async (_, files, code) => {
    expect(await failure(files)).toMatchObject({ code });
  });
});
