/** `.tflite` in: float rnet and float16 hand-landmark-lite, written back and quantized. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { convert } from "../../src/convert.ts";
import { randomDataset } from "../../src/data/random-dataset.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { floats, temporaryFolder, writeNpz } from "./temporary.ts";

/** Random samples as a data file: what these two models see is of no matter here. */
async function randomNpz(folder: string, model: string, count: number): Promise<string> {
  const [graph] = readTflite(new Uint8Array(await readFile(model))).graphs;
  const inputs = (graph?.inputs ?? []).flatMap((id) => graph?.tensors.get(id) ?? []);
  const dataset = randomDataset(inputs, count);
  const arrays: Record<string, NdArray> = {};
  for (const [place, input] of inputs.entries()) {
    const size = input.shape.reduce((product, one) => product * one, 1);
    const all = new Float32Array(size * count);
    for (let at = 0; at < count; at++) {
      const value = (await dataset.sample(at))[place]?.data;
      if (value instanceof Float32Array) all.set(value, at * size);
    }
    arrays[input.name] = floats(all, count, ...input.shape.slice(1));
  }
  return writeNpz(folder, "random.npz", arrays);
}

describe.each([
  ["rnet", { bytes: 407_808, int8Share: 0.3, minTop1: 0.9 }],
  ["hand-landmark-lite", { bytes: 2_071_408, int8Share: 0.4, minTop1: null }],
] as const)("%s", (name, facts) => {
  test("float32, float16 and int8", async () => {
    const folder = await temporaryFolder();
    const model = await fixturePath(name);
    const calibration = { path: await randomNpz(folder, model, 24) };
    const output = join(folder, "out");
    const result = await convert({ model, output, recipes: ["float32", "float16", "int8"], calibration });
    const [float32, float16, int8] = result.variants;
    expect(result.source.format).toBe("tflite");

    // Written back: what the original computes, in both runtimes.
    expect(float32?.parity?.maxRel).toBeLessThanOrEqual(1e-5);
    expect(float32?.parity?.against).toMatch(/^(litert|tflite) /);
    expect(float32?.parity?.runtimes).toHaveLength(2);
    expect(float16?.bytes).toBeLessThan(0.55 * (float32?.bytes ?? 0));

    // Every float operator that stays is listed with its reason.
    expect(int8?.floatOperatorReasons).toHaveLength(int8?.floatOperators ?? -1);
    for (const { node, operator, reason } of int8?.floatOperatorReasons ?? []) {
      expect([typeof node, typeof operator]).toEqual(["string", "string"]);
      expect(reason.length).toBeGreaterThan(5);
    }
    expect(int8?.bytes).toBeLessThan(facts.int8Share * (float32?.bytes ?? 0));
    expect(int8?.parity?.runtimes).toHaveLength(2);
    expect(int8?.parity?.sqnrDb).toBeGreaterThan(8);
  }, 300_000);
});

test("an operator that cannot run in int8 is listed and explained", async () => {
  const folder = await temporaryFolder();
  const model = await fixturePath("face-anti-spoofing");
  const calibration = { path: await randomNpz(folder, model, 2) };
  const result = await convert({ model, output: join(folder, "out"), recipes: ["int8"], calibration, prove: false });
  const [int8] = result.variants;
  expect(int8?.floatOperators).toBe(14);
  expect(new Set(int8?.floatOperatorReasons.map(({ operator }) => operator))).toEqual(new Set(["CAST"]));
  await expect(
    convert({
      model,
      output: join(folder, "strict"),
      recipes: ["int8"],
      calibration,
      strictInteger: true,
      prove: false,
    }),
  ).rejects.toMatchObject({
    code: "PROOF_STRICT_INTEGER",
    details: expect.arrayContaining([expect.objectContaining({ operator: "CAST" })]),
  });
}, 300_000);

test("a quantized file is written back as it is, and proven in real numbers", async () => {
  const folder = await temporaryFolder();
  const rnet = await fixturePath("rnet");
  const calibration = { path: await randomNpz(folder, rnet, 4) };
  const made = await convert({ model: rnet, output: join(folder, "q"), recipes: ["int8"], io: "int8", calibration });
  const { variants } = await convert({ model: made.variants[0]?.file ?? "", output: join(folder, "again") });
  expect(variants[0]?.outputs.map(({ dtype }) => dtype)).toEqual(["int8", "int8"]);
  expect(variants[0]?.parity).toMatchObject({ maxRel: 0, sqnrDb: null });
});
