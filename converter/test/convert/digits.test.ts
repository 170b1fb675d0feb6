/** The digits model, a LayersModel, end to end: parity against tfjs, accuracy on all labelled digits, sizes, bytes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { loadDigits } from "../../../test/fixtures/digits.ts";
import { convert } from "../../src/convert.ts";
import type { ConvertedVariant, ConvertResult } from "../../src/convert-result.ts";
import { filesIn, floats, temporaryFolder, writeNpz } from "./temporary.ts";

let folder: string;
let model: string;
let calibration: string;
let labelled: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  model = await fixturePath("digits-layers");
  const digits = await loadDigits();
  labelled = await writeNpz(folder, "labelled.npz", {
    conv2d_1_input: floats(digits.images, digits.count, 28, 28, 1),
    labels: { dtype: "uint8", shape: [digits.count], data: digits.labels },
  });
  const some = await loadDigits(400);
  calibration = await writeNpz(folder, "calibration.npz", {
    conv2d_1_input: floats(some.images, some.count, 28, 28, 1),
  });
});

const variantOf = (result: ConvertResult, recipe: string): ConvertedVariant => {
  const found = result.variants.find((variant) => variant.recipe === recipe);
  if (!found) throw new Error(`no ${recipe}`);
  return found;
};

describe("float32, float16 and int8 at once", () => {
  let result: ConvertResult;
  beforeAll(async () => {
    const recipes = ["float32", "float16", "int8"];
    result = await convert({
      model,
      output: join(folder, "all"),
      name: "digits",
      recipes,
      calibration: { path: calibration },
    });
  });

  test("files carry the model's and the recipe's name, and are what the result says", async () => {
    const names = ["digits-float16", "digits-float32", "digits-int8"];
    expect((await filesIn(join(folder, "all"))).sort()).toEqual(
      names.flatMap((name) => [`${name}.conversion.json`, `${name}.tflite`]),
    );
    for (const { file, bytes } of result.variants) expect(await readFile(file)).toHaveLength(bytes);
  });

  test("float32 is within 1e-5 of tfjs in both runtimes", () => {
    const { parity, proven } = variantOf(result, "float32");
    expect(proven).toBe(true);
    expect(parity?.against).toMatch(/^tfjs-layers 4\.22\.0 \(wasm-simd\)$/);
    expect(parity?.runtimes.map(({ runtime }) => runtime.split(" ")[0])).toEqual(["litert", "tflite"]);
    expect(parity?.maxRel).toBeLessThanOrEqual(1e-5);
    expect(parity?.samples).toBeGreaterThanOrEqual(8);
    expect(parity?.dead).toEqual([]);
  });

  test("float16 stores half of the bytes and stays close", () => {
    const { bytes, parity, operators } = variantOf(result, "float16");
    expect(bytes).toBeLessThan(0.52 * variantOf(result, "float32").bytes);
    expect(parity?.maxRel).toBeLessThan(1e-3);
    expect(operators.DEQUANTIZE).toMatchObject({ version: 3 });
  });

  test("int8 takes at most 0.27 of float32, and nothing stays float", () => {
    const { bytes, floatOperators, parity } = variantOf(result, "int8");
    expect(bytes).toBeLessThanOrEqual(0.27 * variantOf(result, "float32").bytes);
    expect(floatOperators).toBe(0);
    expect(parity?.top1Agreement).toBe(1);
    expect(parity?.logits?.sqnrDb).toBeGreaterThan(30);
  });

  test("the result is JSON and tells the versions a device needs", () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(result.source).toMatchObject({ format: "tfjs-layers", parameters: 1_199_882 });
    expect(variantOf(result, "int8").operators).toMatchObject({
      CONV_2D: { count: 2, version: 3 },
      FULLY_CONNECTED: { count: 2, version: 4 },
      QUANTIZE: { count: 1, version: 1 },
    });
    expect(variantOf(result, "int8")).toMatchObject({ format: "tflite", minRuntimeVersion: "1.14.0" });
    expect(variantOf(result, "float32").macs).toBe(11_992_448);
  });

  test("the same again gives the same bytes", async () => {
    const recipes = ["int8", "float32", "float16"];
    const again = await convert({
      model,
      output: join(folder, "again"),
      recipes,
      calibration: { path: calibration },
      prove: false,
    });
    for (const { recipe, sha256, proven, parity } of again.variants) {
      expect(sha256).toBe(variantOf(result, recipe).sha256);
      expect([proven, parity]).toEqual([false, null]);
    }
  });
});

test("int8 loses at most 0.005 on all 10,000 digits, in both runtimes", { timeout: 900_000 }, async () => {
  const result = await convert({
    model,
    output: join(folder, "accuracy"),
    recipes: ["int8"],
    calibration: { path: calibration },
    evaluate: { path: labelled, maxDrop: 0.005 },
  });
  const accuracy = variantOf(result, "int8").accuracy;
  expect(accuracy?.samples).toBe(10_000);
  expect(accuracy?.source).toBeGreaterThan(0.98);
  expect(accuracy?.runtimes).toHaveLength(2);
  for (const { value } of accuracy?.runtimes ?? []) expect((accuracy?.source ?? 0) - value).toBeLessThanOrEqual(0.005);
  expect(accuracy?.low).toBeLessThan(accuracy?.variant ?? 0);
  expect(accuracy?.high).toBeGreaterThan(accuracy?.variant ?? 1);
});

test.each(["int8", "uint8"])("with %s inputs and outputs no float is left in the file", async (io) => {
  const result = await convert({
    model,
    output: join(folder, io),
    recipes: ["int8"],
    io,
    calibration: { path: calibration },
    strictInteger: true,
  });
  const variant = variantOf(result, "int8");
  expect([variant.inputs[0]?.dtype, variant.outputs[0]?.dtype]).toEqual([io, io]);
  expect(variant.inputs[0]?.name).toBe("conv2d_1_input");
  expect(variant.outputs[0]).toMatchObject({ name: "dense_2", scale: 1 / 256, zeroPoint: io === "int8" ? -128 : 0 });
  expect(variant.parity?.top1Agreement).toBe(1);
  expect(variant.parity?.runtimes).toHaveLength(2);
  expect(variant.operators.DEQUANTIZE).toBeUndefined();
});
