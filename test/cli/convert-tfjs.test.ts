/** `flotilla convert --to tfjs` as real processes: what it prints, what it leaves, and what it refuses. */
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ConvertResult } from "@flotilla/converter/convert-result";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fixturePath } from "../../scripts/fixtures.ts";
import { errorOf, flotilla } from "./flotilla-process.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "flotilla-tfjs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a .tflite becomes a proven GraphModel beside a .tflite, and a release does not take the folder yet", async () => {
  const output = path.join(folder, "out");
  const model = await fixturePath("rnet");
  const to = ["--to", "tflite", "--to", "tfjs", "--recipe", "float16"];
  const { stdout, exitCode } = await flotilla([
    "convert",
    model,
    "--output",
    output,
    "--name",
    "rnet",
    ...to,
    "--json",
  ]);
  expect(exitCode).toBe(0);
  const { variants }: ConvertResult = JSON.parse(stdout);
  expect(variants).toMatchObject([
    { format: "tflite", recipe: "float16", proven: true, file: path.join(output, "rnet-float16.tflite") },
    { format: "tfjs", recipe: "float16", proven: true, file: path.join(output, "rnet-tfjs-float16") },
  ]);
  const [, tfjs] = variants;
  expect((await readdir(tfjs?.file ?? "")).sort()).toEqual(["group1-shard1of1.bin", "model.json"]);
  const json = JSON.parse(await readFile(path.join(tfjs?.file ?? "", "model.json"), "utf8"));
  expect(json).toMatchObject({ format: "graph-model", weightsManifest: [{ paths: ["group1-shard1of1.bin"] }] });

  const release = ["--model", "rnet", "--release", "1", "--counter", "1", "--golden-inputs", "absent.npz"];
  const pack = ["release", "create", model, "--variants", tfjs?.file ?? "", "--output", path.join(folder, "release")];
  const refused = await flotilla([...pack, ...release, "--json"]);
  expect([refused.exitCode, errorOf(refused).code]).toEqual([4, "UNSUPPORTED_FORMAT"]);
}, 120_000);

test("recipes of .tflite are refused for TFJS, and nothing is written", async () => {
  const output = path.join(folder, "none");
  const model = await fixturePath("rnet");
  const finished = await flotilla(["convert", model, "--output", output, "--to", "tfjs", "--recipe", "int8", "--json"]);
  const { code, message } = errorOf(finished);
  expect([finished.exitCode, code]).toEqual([2, "CONFIG_RECIPE_UNKNOWN"]);
  expect(message).toContain("float32, float16, weights-uint16, weights-uint8");
  await expect(stat(output)).rejects.toMatchObject({ code: "ENOENT" });
});
