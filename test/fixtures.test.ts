import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixtureFolder, fixtureNames, fixturePath } from "../scripts/fixtures.ts";
import { loadDigits } from "./fixtures/digits.ts";
import manifest from "./fixtures/manifest.json" with { type: "json" };
import { loadPhotoCrops, photoNames } from "./fixtures/photos.ts";

describe("fixtures", () => {
  it("every one is there, and says its licence and origin", async () => {
    for (const name of fixtureNames) expect((await stat(await fixturePath(name))).size).toBeGreaterThan(0);
    for (const entry of Object.values(manifest.packages)) {
      expect(entry.integrity).toMatch(/^sha512-/);
      expect(entry.licence.length * entry.origin.length).toBeGreaterThan(0);
    }
  });

  it("unknown names are refused with those that exist", async () => {
    await expect(fixturePath("nobody")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("mobilenet-v2-5class comes as model.json beside its shard, whose bytes are those of its weights", async () => {
    const folder = await fixtureFolder("mobilenet-v2-5class");
    const model: { weightsManifest: { paths: string[]; weights: { shape: number[] }[] }[] } = JSON.parse(
      await readFile(join(folder, "model.json"), "utf8"),
    );
    const [group] = model.weightsManifest;
    const bytes = group!.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect((await stat(join(folder, group!.paths[0]!))).size).toBe(bytes);
  });

  it("digits take turns by class", async () => {
    const { images, labels, count } = await loadDigits();
    expect([count, images.length, labels.length]).toEqual([10_000, 10_000 * 784, 10_000]);
    expect([...labels.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    expect(images.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it("photo crops are the same every time, and no photo is in both splits", async () => {
    const crops = await loadPhotoCrops(photoNames.length, 32);
    expect(await loadPhotoCrops(photoNames.length, 32)).toEqual(crops);
    expect(new Set(crops.photos).size).toBe(photoNames.length);
    const [calibration, evaluation] = await Promise.all([
      loadPhotoCrops(photoNames.length, 8, "calibration"),
      loadPhotoCrops(photoNames.length, 8, "evaluation"),
    ]);
    expect(calibration.photos.filter((name) => evaluation.photos.includes(name))).toEqual([]);
    expect(new Set([...calibration.photos, ...evaluation.photos]).size).toBe(photoNames.length);
  });
});
