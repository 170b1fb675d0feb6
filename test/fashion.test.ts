/**
 * The nets trained on Fashion-MNIST keep what they have learnt: float files as good as in their own framework, int8 files
 * within a hundredth of them (the transformer: two), on the first 1,000 test images (300 where the net is unrolled and slow). All 10,000:
 * bench/fashion.ts.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeNpz } from "@flotilla/protocol/npz";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { convert } from "../converter/src/convert.ts";
import { modelPath, readManifest } from "../scripts/corpus/manifest.ts";
import { fashionArrays, loadFashion } from "./fixtures/fashion.ts";

const minutes = 60_000;
const imagesFor = (model: string): number => (model.includes("lstm") ? 300 : 1000);
/** The squares in layer normalization need more than 8 bits: `auto` finds them, and keeps to a hundredth. */
const allowedDrop = (model: string): number => (model.includes("transformer") ? 0.02 : 0.01);
/** Three standard errors of a share around 0.9. */
const spreadOf = (images: number): number => 0.9 / Math.sqrt(images);

const trained = (await readManifest()).filter((entry) => entry.trained?.data === "fashion-mnist");
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "flotilla-fashion-"));
  await writeFile(join(folder, "test.npz"), encodeNpz(fashionArrays(await loadFashion("test"), "image")));
  await writeFile(join(folder, "training.npz"), encodeNpz(fashionArrays(await loadFashion("training", 200), "image")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("there are trained nets", () => expect(trained.length).toBeGreaterThan(0));

describe.each(trained)("$model", (entry) => {
  test(
    "int8 keeps what it has learnt",
    async () => {
      const images = imagesFor(entry.model);
      const output = join(folder, entry.model);
      // Its own runtime cannot run every net: the float file stands for it, and is as good as the framework says.
      const { variants: written } = await convert({ model: await modelPath(entry), output, name: "net", prove: false });
      const { variants } = await convert({
        model: written[0]?.file ?? "",
        output: join(output, "quantized"),
        recipes: ["float32", "int8"],
        calibration: { path: join(folder, "training.npz") },
        evaluate: { path: join(folder, "test.npz"), runtimes: "first", samples: images },
      });
      const [float, integer] = variants.map(({ accuracy }) => accuracy);
      expect(float?.samples).toBe(images);
      expect(Math.abs((float?.variant ?? 0) - (entry.trained?.accuracy ?? 1))).toBeLessThan(spreadOf(images));
      expect(float?.drop).toBe(0);
      expect(integer?.drop).toBeLessThanOrEqual(allowedDrop(entry.model));
    },
    10 * minutes,
  );
});
