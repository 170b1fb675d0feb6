/** A release out of a real conversion: document, goldens, tolerances, requirements, provenance; the same bytes twice. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { sha256Hex } from "@flotilla/protocol/digest";
import { parseDocument } from "@flotilla/protocol/documents/document";
import { releaseDocument } from "@flotilla/protocol/documents/release";
import { decodeNpz } from "@flotilla/protocol/npz";
import { beforeAll, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { loadDigits } from "../../../test/fixtures/digits.ts";
import { convert } from "../../src/convert.ts";
import { loadDataset } from "../../src/data/load-dataset.ts";
import { type OpenedSource, openSource } from "../../src/open-source.ts";
import { type CreatedRelease, createRelease, type ReleaseRequest } from "../../src/release/create-release.ts";
import { goldenSamples } from "../../src/release/golden-samples.ts";
import { writeReleaseFolder } from "../../src/release/release-folder.ts";
import { filesIn, floats, temporaryFolder, writeNpz } from "../convert/temporary.ts";

let folder: string;
let source: OpenedSource;
let request: ReleaseRequest;
let created: CreatedRelease;

beforeAll(async () => {
  folder = await temporaryFolder();
  const model = await fixturePath("digits-layers");
  const some = await loadDigits(100);
  const path = await writeNpz(folder, "digits.npz", { conv2d_1_input: floats(some.images, 100, 28, 28, 1) });
  const variants = [];
  for (const [io, recipes] of [
    ["int8", ["int8"]],
    ["float32", ["float16"]],
  ] as const) {
    const output = join(folder, io);
    const result = await convert({ model, output, recipes, io, calibration: { path } });
    for (const { recipe, file, proven, parity } of result.variants) {
      variants.push({ recipe, proven, proof: parity, file: new Uint8Array(await readFile(file)) });
    }
  }
  source = await openSource(model);
  const fixed = createTfliteRuntime();
  const others = [createLitertRuntime()];
  const dataset = await loadDataset(path, [{ name: "conv2d_1_input", dtype: "float32", shape: [1, 28, 28, 1] }]);
  request = {
    model: "digits",
    release: "release-1",
    counter: 3,
    createdAtMs: 1_700_000_000_000,
    variants,
    samples: await goldenSamples(source, { inputs: [null], outputs: [null] }, dataset, 6, others),
    source: { name: "model.json", format: source.format, sha256: source.sha256 },
    converterVersion: "0.1.0",
    runtimes: { fixed, others },
  };
  created = await createRelease(request);
});

test("the document is one that devices accept, and its blobs are what it says", () => {
  expect(parseDocument(releaseDocument, JSON.parse(new TextDecoder().decode(created.bytes)))).toEqual(created.release);
  for (const [name, bytes] of created.blobs) expect(name.split(".")[0]).toBe(sha256Hex(bytes));
  expect(created.release.variants.map(({ name }) => name)).toEqual(["int8", "float16"]);
  expect(created.release.variants.every(({ proven }) => proven)).toBe(true);
});

test("goldens hold inputs, the source's answers and the variant's, in the variant's dtypes", () => {
  const [int8, float16] = created.release.variants;
  const arrays = decodeNpz(created.blobs.get(`${int8?.golden.digest}.npz`) ?? new Uint8Array());
  expect([...arrays.keys()]).toEqual(["input/conv2d_1_input", "source/dense_2", "variant/dense_2"]);
  expect([...arrays.values()].map(({ dtype, shape }) => [dtype, shape[0]])).toEqual([
    ["int8", 6],
    ["float32", 6],
    ["int8", 6],
  ]);
  const halves = decodeNpz(created.blobs.get(`${float16?.golden.digest}.npz`) ?? new Uint8Array());
  expect(halves.get("input/conv2d_1_input")?.dtype).toBe("float32");
  expect(halves.get("source/dense_2")).toEqual(arrays.get("source/dense_2"));
});

test("tolerances leave room for other runtimes and none for another model", () => {
  for (const { tolerance } of created.release.variants) {
    expect(tolerance.integerUnits).toBeGreaterThanOrEqual(2);
    expect(tolerance.atol).toBeGreaterThan(0);
    expect(tolerance.atol).toBeLessThan(0.05);
    expect(tolerance.minSqnrDb).toBeGreaterThan(20);
  }
});

test("requirements come from the file", () => {
  const [int8] = created.release.variants;
  expect(int8?.requirements.operators).toMatchObject({ CONV_2D: { maxVersion: 3, dtypes: ["int8"] } });
  expect(int8?.requirements.runtimes).toContainEqual({ name: "tflite", minVersion: "1.14.0" });
  expect(int8?.requirements.inputs).toEqual([{ name: "conv2d_1_input", dtype: "int8", shape: [1, 28, 28, 1] }]);
  expect(int8?.requirements.sizeBytes).toBe(int8?.sizeBytes);
});

test("provenance names the source, the builder and the proofs", () => {
  const bytes = created.blobs.get(`${created.release.provenance.digest}.json`) ?? new Uint8Array();
  const statement = JSON.parse(new TextDecoder().decode(bytes));
  expect(statement._type).toBe("https://in-toto.io/Statement/v1");
  expect(statement.subject.map((one: { digest: { sha256: string } }) => one.digest.sha256)).toEqual(
    created.release.variants.map(({ digest }) => digest),
  );
  expect(JSON.stringify(statement.predicate)).toContain(source.sha256);
});

test("the same again gives the same bytes", async () => {
  const again = await createRelease(request);
  expect(sha256Hex(again.bytes)).toBe(sha256Hex(created.bytes));
  expect([...again.blobs.keys()]).toEqual([...created.blobs.keys()]);
});

test("a release folder is written whole and never over another", async () => {
  const target = join(folder, "release");
  await writeReleaseFolder(target, created);
  expect((await filesIn(target)).sort()).toEqual(
    ["blobs", ...[...created.blobs.keys()].map((name) => join("blobs", name)), "release.json"].sort(),
  );
  await expect(writeReleaseFolder(target, created)).rejects.toMatchObject({ code: "IO_EXISTS" });
});

test("too few golden samples are refused", async () => {
  const inputs = request.samples.inputs.map((stack) => ({
    ...stack,
    shape: [3, 28, 28, 1],
    data: stack.data.slice(0, 3 * 784),
  }));
  const attempt = createRelease({ ...request, samples: { ...request.samples, inputs } });
  await expect(attempt).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
