/** From converted files to a release folder: what is proven is told by the record beside each file, and checked. */
import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { recordNameOf } from "../../src/conversion-record.ts";
import { convert } from "../../src/convert.ts";
import { type PackOptions, packRelease } from "../../src/release/pack-release.ts";
import { filesIn, floats, temporaryFolder, writeNpz } from "../convert/temporary.ts";

let folder: string;
let rnet: string;
let golden: string;
let converted: string;
let made = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  rnet = await fixturePath("rnet");
  const values = Float32Array.from({ length: 6 * 24 * 24 * 3 }, (_, at) => Math.sin(at));
  golden = await writeNpz(folder, "golden.npz", { "rnet/input": floats(values, 6, 24, 24, 3) });
  converted = join(folder, "converted");
  await convert({ model: rnet, output: converted, recipes: ["float32", "float16"], proofSamples: 8 });
});

/** A copy of the converted files, to be changed. */
async function copyOfFiles(): Promise<string> {
  const copy = join(folder, `copy-${made++}`);
  await mkdir(copy);
  for (const name of await filesIn(converted)) await copyFile(join(converted, name), join(copy, name));
  return copy;
}

const pack = (change: Partial<PackOptions> = {}): PackOptions => ({
  source: rnet,
  variants: [converted],
  model: "rnet",
  release: "rnet-r1",
  counter: 1,
  createdAtMs: 1_700_000_000_000,
  goldenInputs: golden,
  samples: 5,
  output: join(folder, `release-${made++}`),
  ...change,
});

async function refused(change: Partial<PackOptions>, code: string, message: RegExp): Promise<void> {
  const options = pack(change);
  await expect(packRelease(options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  await expect(stat(options.output)).rejects.toMatchObject({ code: "ENOENT" });
}

test("a folder's variants come smallest first, proven by their records", async () => {
  const { release } = await packRelease(pack({ accelerators: { float16: ["gpu"] } }));
  expect(release.variants.map(({ name, proven }) => ({ name, proven }))).toEqual([
    { name: "float16", proven: true },
    { name: "float32", proven: true },
  ]);
  expect(release.variants[0]?.requirements.accelerators).toEqual(["gpu"]);
});

test("the same inputs give the same bytes", async () => {
  const [first, second] = [await packRelease(pack()), await packRelease(pack())];
  expect(second.bytes).toEqual(first.bytes);
  // Named by their digests.
  expect([...second.blobs.keys()]).toEqual([...first.blobs.keys()]);
});

test("a file without a record is released as unproven, under its own name", async () => {
  const file = join(await copyOfFiles(), "rnet-float32.tflite");
  await rm(recordNameOf(file));
  const { release } = await packRelease(pack({ variants: [file] }));
  expect(release.variants).toMatchObject([{ name: "rnet-float32", proven: false }]);
});

test("a record of a conversion that was not proven says so", async () => {
  const output = join(folder, "unproven");
  await convert({ model: rnet, output, prove: false });
  const { release } = await packRelease(pack({ variants: [output] }));
  expect(release.variants).toMatchObject([{ name: "float32", proven: false }]);
});

test("a file that changed after its conversion is refused", async () => {
  const file = join(await copyOfFiles(), "rnet-float32.tflite");
  const bytes = await readFile(file);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(file, bytes);
  await refused({ variants: [file] }, "INTEGRITY_DIGEST", /rnet-float32\.tflite.*Convert again/);
});

test("a file that was converted from another model is refused", async () => {
  await refused({ source: await fixturePath("pnet") }, "INTEGRITY_DIGEST", /another model/);
});

test.each<[string, Partial<PackOptions>, string, RegExp]>([
  ["too few golden samples", { samples: 3 }, "CONFIG_INVALID", /4/],
  [
    "accelerators of a variant that is not there",
    { accelerators: { int8: ["npu"] } },
    "CONFIG_INVALID",
    /int8.*float16/,
  ],
  ["an id that is none", { release: "R 1" }, "FORMAT_DOCUMENT", /release/],
  ["no such files", { variants: ["absent"] }, "IO_NOT_FOUND", /absent/],
])("%s", (_, change, code, message) => refused(change, code, message));

test("a release folder that is there is never overwritten", async () => {
  const options = pack();
  await packRelease(options);
  const before = await filesIn(options.output);
  await expect(packRelease({ ...options, counter: 2 })).rejects.toMatchObject({ code: "IO_EXISTS" });
  expect(await filesIn(options.output)).toEqual(before);
});
