/** TFJS out: from a LayersModel and from `.tflite`, run in tfjs-converter against the source's own runtime. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createSha256, sha256Hex } from "@flotilla/protocol/digest";
import { describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { convert } from "../../src/convert.ts";
import type { ConvertedVariant } from "../../src/convert-result.ts";
import type { SourceModel } from "../../src/runtimes/source-runtime.ts";
import { tfjsArtifacts } from "../../src/runtimes/tfjs-files.ts";
import { createTfjsGraphRuntime } from "../../src/runtimes/tfjs-graph.ts";
import { filesIn, temporaryFolder } from "./temporary.ts";

const loadGraph = async (folder: string): Promise<SourceModel> => {
  const files = new Map<string, Uint8Array>();
  for (const name of await readdir(folder)) files.set(name, new Uint8Array(await readFile(join(folder, name))));
  return createTfjsGraphRuntime().load(tfjsArtifacts(files));
};
const answerOf = async (
  graph: SourceModel,
  input: string,
  shape: readonly number[],
  data: Float32Array,
): Promise<Float32Array> => {
  const [answer] = (await graph.run(new Map([[input, { dtype: "float32", shape, data }]]))).values();
  return Float32Array.from(answer?.data ?? [], Number);
};

const recipes = ["float32", "float16", "weights-uint16", "weights-uint8"];
const modelOf = async (file: string) => JSON.parse(await readFile(join(file, "model.json"), "utf8"));
const sizes = (variants: readonly ConvertedVariant[]): Record<string, number> =>
  Object.fromEntries(variants.map(({ recipe, bytes }) => [recipe, bytes]));

describe.each([
  ["digits-layers", /^tfjs-layers/, { _FusedConv2D: 2, _FusedMatMul: 2, MaxPool: 1, Softmax: 1 }, 20],
  ["mobilenet-v2-5class", /^tfjs-layers/, { _FusedConv2D: 35, FusedDepthwiseConv2dNative: 17 }, 12],
  ["rnet", /^litert/, { _FusedConv2D: 3, _FusedMatMul: 3 }, 20],
  ["hand-landmark-lite", /^litert/, {}, null],
] as const)("%s as a GraphModel", (name, against, operators, leastUint8Db) => {
  test("is proven in tfjs in every precision", async () => {
    const output = await temporaryFolder();
    const result = await convert({ model: await fixturePath(name), output, to: ["tfjs"], recipes, name });
    const [float32, float16, uint16, uint8] = result.variants;
    expect(result.variants.map(({ recipe }) => recipe)).toEqual(recipes);
    expect(float32?.parity?.maxRel).toBeLessThanOrEqual(1e-4);
    expect(float32?.parity?.against).toMatch(against);
    expect(float32?.parity?.runtimes.map(({ runtime }) => runtime)).toEqual(["tfjs-converter 4.22.0 (wasm-simd)"]);
    expect(float32?.transposes).toBe(0);
    for (const [op, count] of Object.entries(operators)) expect(float32?.operators).toHaveProperty(op, { count });
    expect(float16?.parity?.sqnrDb).toBeGreaterThan(40);
    expect(uint16?.parity?.sqnrDb).toBeGreaterThan(40);
    if (leastUint8Db !== null) expect(uint8?.parity?.sqnrDb).toBeGreaterThan(leastUint8Db);
    const bytes = sizes(result.variants);
    expect(bytes.float16).toBeLessThan(0.58 * (bytes.float32 ?? 0));
    expect(bytes["weights-uint8"]).toBeLessThan(0.37 * (bytes.float32 ?? 0));
  }, 300_000);
});

describe("batches", () => {
  test("of any size run in a GraphModel of layers, each sample as if alone", async () => {
    const output = await temporaryFolder();
    const model = await fixturePath("digits-layers");
    const { variants } = await convert({ model, output, to: ["tflite", "tfjs"], name: "digits" });
    const [tflite, tfjs] = variants;
    expect(tflite?.inputs.map(({ shape }) => shape[0])).toEqual([1]);
    const [end] = tfjs?.inputs ?? [];
    expect([end?.shape[0], tfjs?.outputs[0]?.shape[0]]).toEqual([-1, -1]);
    const graph = await loadGraph(tfjs?.file ?? "");
    const sample = (end?.shape ?? []).slice(1);
    const size = sample.reduce((product, one) => product * one, 1);
    const data = Float32Array.from({ length: 3 * size }, (_, at) => Math.sin(at * at));
    const run = (from: number, to: number): Promise<Float32Array> =>
      answerOf(graph, end?.name ?? "", [to - from, ...sample], data.slice(from * size, to * size));
    const together = await run(0, 3);
    const alone = [await run(0, 1), await run(1, 2), await run(2, 3)].flatMap((answer) => [...answer]);
    expect(together).toHaveLength(alone.length);
    expect(new Set(alone).size).toBeGreaterThan(3);
    for (const [at, value] of alone.entries()) expect(together[at]).toBeCloseTo(value, 5);
    graph.close();
  }, 120_000);
});

describe("the files", () => {
  test("are a folder for each variant, with shards of 4 MiB and a record beside; the same again", async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    const model = await fixturePath("digits-layers");
    const request = { model, to: ["tflite", "tfjs", "tfjs-layers"], recipes: ["float16"], name: "digits" };
    const made = await convert({ ...request, output: first });
    const again = await convert({ ...request, output: second });
    expect(made.variants.map(({ format, recipe }) => [format, recipe])).toEqual([
      ["tflite", "float16"],
      ["tfjs", "float16"],
      ["tfjs-layers", "float16"],
    ]);
    expect((await readdir(first)).sort()).toEqual([
      "digits-float16.conversion.json",
      "digits-float16.tflite",
      "digits-tfjs-float16",
      "digits-tfjs-float16.conversion.json",
      "digits-tfjs-layers-float16",
      "digits-tfjs-layers-float16.conversion.json",
    ]);
    expect(again.variants.map(({ sha256 }) => sha256)).toEqual(made.variants.map(({ sha256 }) => sha256));
    const graph = made.variants[1];
    const names = (await readdir(graph?.file ?? "")).sort();
    expect(names).toEqual(["group1-shard1of1.bin", "model.json"]);
    const whole = createSha256();
    let bytes = 0;
    for (const name of names) {
      const content = new Uint8Array(await readFile(join(graph?.file ?? "", name)));
      bytes += content.byteLength;
      whole.update(new TextEncoder().encode(`${name}\0${sha256Hex(content)}\n`));
    }
    expect([graph?.bytes, graph?.sha256]).toEqual([bytes, whole.digestHex()]);
    const record = JSON.parse(await readFile(join(first, "digits-tfjs-float16.conversion.json"), "utf8"));
    expect(record).toMatchObject({ recipe: "float16", sha256: graph?.sha256, proven: true });
    const json = await modelOf(graph?.file ?? "");
    expect(json).toMatchObject({
      format: "graph-model",
      modelTopology: { versions: { producer: expect.any(Number) } },
      signature: { inputs: expect.any(Object), outputs: expect.any(Object) },
    });
  }, 120_000);

  test("a variant takes the place of an earlier one, and of nothing else", async () => {
    const output = await temporaryFolder();
    const model = await fixturePath("rnet");
    const request = { model, output, to: ["tfjs"], prove: false };
    const [before] = (await convert(request)).variants;
    await writeFile(join(before?.file ?? "", "group1-shard9of9.bin"), "stale");
    const [after] = (await convert(request)).variants;
    expect(await readdir(after?.file ?? "")).not.toContain("group1-shard9of9.bin");
    await writeFile(join(after?.file ?? "", "notes.txt"), "mine");
    await expect(convert(request)).rejects.toMatchObject({ code: "IO_FAILED" });
    expect(await readdir(after?.file ?? "")).toContain("notes.txt");
    expect((await filesIn(output)).filter((name) => name.includes(".partial") || name.includes(".old"))).toEqual([]);
  });
});

describe("a LayersModel as a LayersModel", () => {
  test("keeps its topology, is proven in tfjs-layers, and stores weights in a quarter", async () => {
    const output = await temporaryFolder();
    const model = await fixturePath("digits-layers");
    const result = await convert({ model, output, to: ["tfjs-layers"], recipes });
    const [float32, , , uint8] = result.variants;
    expect(float32?.parity?.maxRel).toBeLessThanOrEqual(1e-6);
    expect(float32?.parity?.runtimes.map(({ runtime }) => runtime)).toEqual(["tfjs-layers 4.22.0 (wasm-simd)"]);
    expect(uint8?.parity?.sqnrDb).toBeGreaterThan(20);
    expect(uint8?.bytes).toBeLessThan(0.26 * (float32?.bytes ?? 0));
    expect(float32?.operators).toMatchObject({ Conv2D: { count: 2 }, Dense: { count: 2 } });
    // And it is read again.
    const back = await convert({ model: float32?.file ?? "", output: join(output, "again") });
    expect(back.variants[0]?.parity?.maxRel).toBeLessThanOrEqual(1e-5);
  }, 120_000);
});

test("a Keras model becomes a LayersModel, and that one is read again", async () => {
  const output = await temporaryFolder();
  const [variant] = (await convert({ model: await fixturePath("digits-keras-h5"), output, to: ["tfjs-layers"] }))
    .variants;
  expect(variant?.parity?.maxRel).toBeLessThanOrEqual(1e-6);
  const back = await convert({ model: variant?.file ?? "", output: join(output, "again"), to: ["tfjs"] });
  expect(back.source).toMatchObject({ format: "tfjs-layers", parameters: 1_199_882 });
  expect(back.variants[0]?.parity?.maxRel).toBeLessThanOrEqual(1e-5);
}, 120_000);

describe("what cannot be", () => {
  test.each([
    [{ to: ["tfjs"], recipes: ["int8"] }, "CONFIG_RECIPE_UNKNOWN"],
    [{ to: ["tfjs", "tflite"], recipes: ["weights-uint4"] }, "CONFIG_RECIPE_UNKNOWN"],
    [{ to: ["coreml"] }, "CONFIG_INVALID"],
    [{ to: ["tfjs-layers"] }, "UNSUPPORTED_FORMAT"],
  ])("%j is %s, and nothing is written", async (request, code) => {
    const output = join(await temporaryFolder(), "out");
    await expect(convert({ model: await fixturePath("rnet"), output, prove: false, ...request })).rejects.toMatchObject(
      {
        code,
      },
    );
    expect(await filesIn(output)).toEqual([]);
  });

  test("a recipe goes to the formats that know it, float32 to those that know none of them", async () => {
    const output = await temporaryFolder();
    const request = { model: await fixturePath("rnet"), output, prove: false };
    const result = await convert({ ...request, to: ["tflite", "tfjs"], recipes: ["weights-uint8", "float16"] });
    expect(result.variants.map(({ format, recipe }) => `${format} ${recipe}`)).toEqual([
      "tflite float16",
      "tfjs float16",
      "tfjs weights-uint8",
    ]);
  });
});
