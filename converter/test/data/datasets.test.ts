/** Calibration and evaluation data in every form it can come in: the same samples, labels, order and digests. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpy } from "@flotilla/protocol/npy";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { type ModelInput, spreadIndices, subset } from "../../src/data/dataset.ts";
import { loadDataset } from "../../src/data/load-dataset.ts";
import type { Preprocessing } from "../../src/data/preparation.ts";
import { randomDataset } from "../../src/data/random-dataset.ts";
import { floats, temporaryFolder, writeNpz } from "../convert/temporary.ts";

const one: ModelInput[] = [{ name: "x", dtype: "float32", shape: [1, 2, 2] }];
const values = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

const second: NdArray = { dtype: "float32", shape: [1, 2, 2], data: Float32Array.from([5, 6, 7, 8]) };

describe("arrays", () => {
  test(".npz: one array per input, first axis = sample, labels beside", async () => {
    const labels: NdArray = { dtype: "int64", shape: [2], data: BigInt64Array.from([3n, 1n]) };
    const data = await loadDataset(await writeNpz(folder, "a.npz", { x: floats(values, 2, 2, 2), labels }), one);
    expect([data.count, data.labels]).toEqual([2, [3, 1]]);
    expect(await data.sample(1)).toEqual([second]);
    expect(data.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(data.name).toBe("a.npz");
  });

  test(".npy with labels.npy beside it", async () => {
    const own = join(folder, "npy");
    await mkdir(own);
    await writeFile(join(own, "images.npy"), encodeNpy(floats(values, 2, 2, 2)));
    await writeFile(join(own, "labels.npy"), encodeNpy({ dtype: "uint8", shape: [2], data: Uint8Array.of(0, 9) }));
    const data = await loadDataset(join(own, "images.npy"), one);
    expect(data.labels).toEqual([0, 9]);
    expect(await data.sample(1)).toEqual([second]);
  });

  test(".json, named and bare, and .jsonl", async () => {
    const named = [
      { x: [[1, 2], [3, 4]], label: 2 },
      { x: [[5, 6], [7, 8]], label: 0 },
    ]; // biome-ignore format: a table
    const files = {
      "named.json": JSON.stringify(named),
      "bare.json": JSON.stringify(named.map(({ x }) => x)),
      "lines.jsonl": `${named.map((sample) => JSON.stringify(sample)).join("\n")}\n\n`,
    };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, name), text);
      const data = await loadDataset(join(folder, name), one);
      expect(await data.sample(1), name).toEqual([second]);
      expect(data.labels, name).toEqual(name === "bare.json" ? null : [2, 0]);
    }
  });

  test.each([
    ["rows of different lengths", "[[[1, 2], [3]]]", "QUANT_CALIBRATION_SHAPE"],
    ["text among numbers", '[[[1, 2], [3, "4"]]]', "QUANT_CALIBRATION_SHAPE"],
    ["a missing input", '[{"y": [[1, 2], [3, 4]]}]', "QUANT_CALIBRATION_SHAPE"],
    ["labels on some only", '[{"x": [[1,2],[3,4]], "label": 1}, {"x": [[1,2],[3,4]]}]', "QUANT_CALIBRATION_SHAPE"],
    ["no JSON", "[[[1, 2]", "FORMAT_JSON"],
    ["no list", "{}", "QUANT_CALIBRATION_SHAPE"],
  ])("%s", async (name, text, code) => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, text);
    await expect(loadDataset(path, one)).rejects.toMatchObject({ code });
  });

  test("float64 becomes float32; int64 becomes int32 where it fits", async () => {
    const inputs: ModelInput[] = [
      { name: "x", dtype: "float32", shape: [1, 2] },
      { name: "ids", dtype: "int32", shape: [1, 2] },
    ];
    const path = await writeNpz(folder, "b.npz", {
      x: { dtype: "float64", shape: [1, 2], data: Float64Array.of(0.1, 0.2) },
      ids: { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(7n, -1n) },
    });
    const [x, ids] = await (await loadDataset(path, inputs)).sample(0);
    expect(x?.data).toEqual(Float32Array.of(0.1, 0.2));
    expect(ids?.data).toEqual(Int32Array.of(7, -1));
    const tooWide = await writeNpz(folder, "c.npz", {
      x: { dtype: "float64", shape: [1, 2], data: Float64Array.of(0.1, 0.2) },
      ids: { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(2n ** 40n, 0n) },
    });
    const wide = await loadDataset(tooWide, inputs);
    await expect(wide.sample(0)).rejects.toMatchObject({ code: "QUANT_CALIBRATION_SHAPE" });
  });
});

describe("folders of images", () => {
  const input: ModelInput[] = [{ name: "image", dtype: "float32", shape: [1, 2, 2, 3] }];
  const steps: Preprocessing = {
    image: [
      { kind: "decode", channels: 3, upright: true },
      { kind: "resize", width: 2, height: 2, method: "bilinear", halfPixel: true, antialias: true },
      { kind: "scale", by: 1 / 255, offset: 0 },
      { kind: "layout", to: "nhwc" },
    ],
  };
  const picture = (path: string, red: number) =>
    sharp({ create: { width: 8, height: 4, channels: 3, background: { r: red, g: 0, b: 255 } } })
      .png()
      .toFile(path);

  test("sub-folders are classes, in the order of their names", async () => {
    const own = join(folder, "images");
    for (const [place, name] of ["dog", "cat"].entries()) {
      await mkdir(join(own, name), { recursive: true });
      await picture(join(own, name, "1.png"), place * 255);
      await picture(join(own, name, "2.png"), place * 255);
    }
    await writeFile(join(own, "dog", "notes.txt"), "not a picture");
    const data = await loadDataset(own, input, steps);
    expect(data.labels).toEqual([0, 0, 1, 1]);
    const [cat] = await data.sample(0);
    expect(cat).toEqual({
      dtype: "float32",
      shape: [1, 2, 2, 3],
      data: Float32Array.from([1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1]),
    });
    const [dog] = await data.sample(2);
    expect([...(dog?.data.slice(0, 3) ?? [])]).toEqual([0, 0, 1]);
  });

  test("sub-folders that are numbers are those classes", async () => {
    const own = join(folder, "numbered");
    for (const name of ["10", "9"]) {
      await mkdir(join(own, name), { recursive: true });
      await picture(join(own, name, "1.png"), 9);
    }
    expect((await loadDataset(own, input, steps)).labels).toEqual([10, 9]);
  });

  test("without preprocessing the error shows what to write", async () => {
    await expect(loadDataset(join(folder, "images"), input)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining('"kind":"decode"'),
    });
  });

  test("a picture that cannot be decoded is named", async () => {
    const own = join(folder, "broken");
    await mkdir(own);
    await writeFile(join(own, "bad.png"), "not a picture at all");
    const data = await loadDataset(own, input, steps);
    await expect(data.sample(0)).rejects.toMatchObject({
      code: "FORMAT_IMAGE",
      message: expect.stringContaining("bad.png"),
    });
  });

  test("an empty folder is no data", async () => {
    const own = join(folder, "empty");
    await mkdir(own);
    await expect(loadDataset(own, input, steps)).rejects.toMatchObject({ code: "QUANT_CALIBRATION_DATA" });
  });
});

describe("choosing samples", () => {
  test("evenly spread, in order, each once", () => {
    expect(spreadIndices(10, 5)).toEqual([1, 3, 5, 7, 9]);
    expect(spreadIndices(3, 8)).toEqual([0, 1, 2]);
    expect(spreadIndices(1000, 7)).toHaveLength(7);
    expect(new Set(spreadIndices(100, 33)).size).toBe(33);
  });

  test("a subset keeps labels with their samples", async () => {
    const labels: NdArray = { dtype: "uint8", shape: [2], data: Uint8Array.of(4, 5) };
    const all = await loadDataset(await writeNpz(folder, "d.npz", { x: floats(values, 2, 2, 2), labels }), one);
    const part = subset(all, [1]);
    expect([part.count, part.labels]).toEqual([1, [5]]);
    expect(await part.sample(0)).toEqual([second]);
  });

  test("random samples are the same every time, and differ from each other", async () => {
    const [a, b] = [randomDataset(one, 2), randomDataset(one, 2)];
    expect(await a.sample(0)).toEqual(await b.sample(0));
    expect(await a.sample(0)).not.toEqual(await a.sample(1));
    for (const value of (await a.sample(0))[0]?.data ?? []) expect(Math.abs(Number(value))).toBeLessThanOrEqual(1);
  });

  test("random ids are drawn from a whole table, other integers are 0 or 1", async () => {
    const inputs = [
      { name: "ids", dtype: "int32", shape: [1, 400], idLimit: 10 },
      { name: "mask", dtype: "int32", shape: [1, 400] },
    ];
    const [ids, mask] = await randomDataset(inputs, 1).sample(0);
    expect([...new Set(Array.from(ids?.data ?? [], Number))].sort((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect([...new Set(Array.from(mask?.data ?? [], Number))].sort()).toEqual([0, 1]);
  });
});
