/** Sources that are quantized already, and ones with operators of others: carried, refused, never mislabelled. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { convert } from "../../src/convert.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { temporaryFolder } from "./temporary.ts";

const read = async (path: string) => readTflite(new Uint8Array(await readFile(path)));

describe("Inception v3 in uint8", () => {
  test("is carried as it is", async () => {
    const [model, output] = [await fixturePath("inception-v3-uint8"), await temporaryFolder()];
    const [variant] = (await convert({ model, output, prove: false })).variants;
    expect(variant).toMatchObject({ recipe: "as-is", file: join(output, "graph-as-is.tflite") });
    expect(variant?.inputs).toMatchObject([{ dtype: "uint8", scale: 0.0078125 }]);
    expect(modelDifference(await read(model), await read(variant?.file ?? ""))).toBeNull();
  });

  test.each(["float32", "float16"])("cannot become %s", async (recipe) => {
    const [model, output] = [await fixturePath("inception-v3-uint8"), await temporaryFolder()];
    await expect(convert({ model, output, recipes: [recipe], prove: false })).rejects.toMatchObject({
      code: "QUANT_OPTION",
      details: { found: recipe, expected: ["as-is"] },
    });
  });
});

test("a source in float is not carried as it is", async () => {
  const [model, output] = [await fixturePath("pnet"), await temporaryFolder()];
  await expect(convert({ model, output, recipes: ["as-is"] })).rejects.toMatchObject({ code: "QUANT_OPTION" });
});

test("float16 constants are decoded, a custom operator stays, and each runtime is compared with itself", async () => {
  const [model, output] = [await fixturePath("selfie-segmentation"), await temporaryFolder()];
  const [variant] = (await convert({ model, output, proofSamples: 8 })).variants;
  expect(variant?.recipe).toBe("float32");
  expect(variant?.operators).not.toHaveProperty("DEQUANTIZE");
  expect(variant?.operators.CUSTOM).toMatchObject({ count: 1 });
  expect(variant?.parity?.maxRel).toBeLessThanOrEqual(1e-5);
});
