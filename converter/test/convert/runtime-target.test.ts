/** `--target`: operators that a runtime lacks are refused, all of them, before anything is written. */
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { convert } from "../../src/convert.ts";
import { temporaryFolder } from "./temporary.ts";

test.each(["litert", "tflite-2.10"])("custom operators are refused for %s", async (target) => {
  const [model, output] = [await fixturePath("selfie-segmentation"), await temporaryFolder()];
  await expect(convert({ model, output, target, prove: false })).rejects.toMatchObject({
    code: "UNSUPPORTED_OPERATOR",
    details: [{ operator: "Convolution2DTransposeBias", reason: expect.stringContaining(target) }],
  });
  expect(await readdir(output)).toEqual([]);
});

test("versions newer than the target are refused, each with the version it needs", async () => {
  const [model, output] = [await fixturePath("hand-landmark-lite"), await temporaryFolder()];
  const [variant] = (await convert({ model, output, target: "tflite-2.3", prove: false })).variants;
  expect(variant?.operators).toHaveProperty("CONV_2D");
  const older = await convert({ model, output, target: "tflite-1.5", prove: false }).catch((thrown: unknown) => thrown);
  expect(older).toMatchObject({ code: "UNSUPPORTED_OPERATOR" });
});

test("a target that there is not", async () => {
  const [model, output] = [await fixturePath("pnet"), await temporaryFolder()];
  await expect(convert({ model, output, target: "gameboy" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
