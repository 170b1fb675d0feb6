/** Calibration data of the wrong range is said, by the behaviour of real models; data of the right range is not. */
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { loadDigits } from "../../../test/fixtures/digits.ts";
import { loadPhotoCrops } from "../../../test/fixtures/photos.ts";
import { openSource } from "../../src/open-source.ts";
import { runPasses } from "../../src/passes/pipeline.ts";
import { checkObservations } from "../../src/quantize/check-observations.ts";
import { calibrate } from "../../src/runtimes/calibrate.ts";

/** What is said about `images`, samples one after the other, in a model with one input of the shape. */
async function said(fixture: string, shape: readonly number[], images: Float32Array): Promise<string[]> {
  const path = await fixturePath(fixture);
  const model = runPasses((await openSource(path)).model, {});
  const [graph] = model.graphs;
  if (!graph) throw new Error("no graph");
  const length = shape.reduce((product, size) => product * size, 1);
  const samples = {
    count: images.length / length,
    sample: async (at: number) => [
      { dtype: "float32" as const, shape, data: images.slice(at * length, (at + 1) * length) },
    ],
  };
  return checkObservations(
    graph,
    await calibrate({ model, runtime: createTfliteRuntime(), samples, histograms: false }),
  );
}

const digits = async (factor: number, count = 32) => (await loadDigits(count)).images.map((value) => value * factor);
const one = [1, 28, 28, 1];

test("digits from 0 to 1 are as the model takes them", async () => {
  expect(await said("digits-layers", one, await digits(1))).toEqual([]);
});

test("digits from 0 to 255 are refused by a model of 0 to 1", async () => {
  await expect(said("digits-layers", one, await digits(255))).rejects.toMatchObject({
    code: "QUANT_CALIBRATION_RANGE",
    message: expect.stringMatching(/from 0 to 255.*SOFTMAX.*--preprocess/),
  });
});

test("data that never changes is refused, and few samples are said", async () => {
  await expect(said("digits-layers", one, new Float32Array(28 * 28 * 2).fill(0.5))).rejects.toMatchObject({
    code: "QUANT_CALIBRATION_DATA",
    message: expect.stringContaining("0.5"),
  });
  expect(await said("digits-layers", one, await digits(1, 4))).toEqual([expect.stringContaining("Only 4")]);
});

test("photos from 0 to 255 are said for a MobileNetV2 of 0 to 1, and those from 0 to 1 are not", async () => {
  const { images } = await loadPhotoCrops(2, 224, "calibration");
  const shape = [1, 224, 224, 3];
  const about = async (pixels: Float32Array) =>
    said("mobilenet-v2-5class", shape, pixels).then(
      (sentences) => sentences.filter((one) => one.includes("8 bits")),
      (error: { code: string }) => [error.code],
    );
  expect(await about(images)).toHaveLength(1);
  expect(await about(images.map((value) => value / 255))).toEqual([]);
});
