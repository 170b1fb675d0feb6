/**
 * A real image classifier with uint8-affine weights: float32 parity against tfjs, and int8 logits on photo crops,
 * of photos that calibration never saw.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { beforeAll, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { loadPhotoCrops, type PhotoCrops } from "../../../test/fixtures/photos.ts";
import { convert } from "../../src/convert.ts";
import type { ConvertResult } from "../../src/convert-result.ts";
import { openSource } from "../../src/open-source.ts";
import { ParityMeter } from "../../src/prove/parity.ts";
import { proveVariant } from "../../src/prove/prove-variant.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import type { Sample } from "../../src/runtimes/source-truth.ts";
import { tapActivations } from "../../src/runtimes/tap-activations.ts";
import { tfliteOpeners } from "../../src/runtimes/variant-runner.ts";
import { floats, temporaryFolder, writeNpz } from "./temporary.ts";

const size = 224;
const pixels = size * size * 3;
const unseenCount = 100;

let result: ConvertResult;
let unseen: Sample[];
let seenPhotos: readonly string[];
let unseenPhotos: readonly string[];

/** The model takes pixels from 0 to 1. */
const scaled = (crops: PhotoCrops): Float32Array => crops.images.map((value) => value / 255);

beforeAll(async () => {
  const folder = await temporaryFolder();
  const calibration = await loadPhotoCrops(60, size, "calibration");
  const model = await fixturePath("mobilenet-v2-5class");
  const { graphs } = (await openSource(model)).model;
  const name = graphs[0]?.tensors.get(graphs[0].inputs[0] ?? (-1 as never))?.name ?? "";
  const path = await writeNpz(folder, "crops.npz", { [name]: floats(scaled(calibration), 60, size, size, 3) });
  result = await convert({
    model,
    output: join(folder, "out"),
    name: "mobilenet-v2-5class",
    recipes: ["float32", "int8"],
    calibration: { path },
  });
  const evaluation = await loadPhotoCrops(unseenCount, size, "evaluation");
  const values = scaled(evaluation);
  unseen = evaluation.photos.map((_, at) => [floats(values.slice(at * pixels, (at + 1) * pixels), 1, size, size, 3)]);
  [seenPhotos, unseenPhotos] = [calibration.photos, evaluation.photos];
}, 600_000);

test("calibration and evaluation share no photo", () => {
  expect(unseenPhotos.filter((photo) => seenPhotos.includes(photo))).toEqual([]);
  expect(unseen.length).toBeGreaterThanOrEqual(100);
});

test("float32 is within 1e-4 of tfjs in both runtimes", () => {
  const [float32] = result.variants;
  expect(float32?.parity?.maxRel).toBeLessThanOrEqual(1e-4);
  expect(float32?.parity?.runtimes).toHaveLength(2);
});

test("int8 probabilities and logits reach 15 dB on unseen crops", async () => {
  const [float32, int8] = result.variants;
  const file = new Uint8Array(await readFile(int8?.file ?? ""));
  const source = await openSource(await fixturePath("mobilenet-v2-5class"));
  const truth = await source.truth([]);
  const answers = await truth.run(unseen);
  truth.close();
  const [graph] = source.model.graphs;
  const outputs = (graph?.outputs ?? []).flatMap((id) => graph?.tensors.get(id) ?? []);
  const runtimes = [createLitertRuntime(), createTfliteRuntime()];
  const parity = await proveVariant({
    openers: tfliteOpeners(file, runtimes),
    outputs,
    samples: unseen,
    answers,
    against: truth.label,
  });
  expect(parity.samples).toBe(unseenCount);
  expect(parity.sqnrDb).toBeGreaterThanOrEqual(15);
  expect(parity.top1Agreement).toBeGreaterThanOrEqual(0.95);

  // Logits: what goes into the softmax, float file against int8 file.
  const logits = [float32, int8].map(async (variant) => {
    const model = readTflite(new Uint8Array(await readFile(variant?.file ?? "")));
    const [main] = model.graphs;
    const operand = main?.nodes.findLast((node) => node.kind === "SOFTMAX")?.inputs[0];
    const tensor = main?.tensors.get(operand ?? (-1 as never));
    if (!tensor) throw new Error("the model has no softmax");
    const rows: number[][] = [];
    const [scale = 1] = tensor.quantization?.scales ?? [];
    const [zeroPoint = 0] = tensor.quantization?.zeroPoints ?? [];
    await tapActivations({
      model,
      runtime: createTfliteRuntime(),
      tensors: [tensor.id],
      samples: { count: unseen.length, sample: (at) => Promise.resolve(unseen[at] ?? []) },
      visit: (_, sample, { data }) => {
        rows[sample] = Array.from(Array.from(data, Number), (value) => (value - zeroPoint) * scale);
      },
    });
    return rows;
  });
  const [expected = [], found = []] = await Promise.all(logits);
  const meter = new ParityMeter([{ name: "logits", integer: false }]);
  for (const [at, row] of expected.entries()) meter.add([{ source: row, variant: found[at] ?? [] }]);
  expect(meter.report("float32").sqnrDb).toBeGreaterThanOrEqual(15);
}, 600_000);

test("int8 is all integer and a third of the size", () => {
  const [float32, int8] = result.variants;
  expect(int8?.floatOperators).toBe(0);
  expect(int8?.bytes).toBeLessThan(0.31 * (float32?.bytes ?? 0));
  expect(int8?.parity?.logits?.sqnrDb).toBeGreaterThanOrEqual(15);
});
