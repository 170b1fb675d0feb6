import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { decodeNpz } from "@flotilla/protocol/npz";
import { describe, expect, it } from "vitest";
import { judge } from "../scripts/corpus/judge.ts";
import { type CorpusEntry, corpusFolder, readManifest } from "../scripts/corpus/manifest.ts";
import type { Measurement, TargetMeasurement } from "../scripts/corpus/measurement.ts";
import lock from "./corpus/package-lock.json" with { type: "json" };

describe("what the corpus holds", () => {
  it("models of every format, each with its origin, licence and reason", async () => {
    const models = await readManifest();
    const packages: Readonly<Record<string, object>> = lock.packages;
    for (const { model, file, package: name, licence, tests, framework } of models) {
      expect(licence.length * tests.length, model).toBeGreaterThan(0);
      if (name === undefined) expect(framework, model).toBeDefined();
      else expect(packages[`node_modules/${name}`], model).toBeDefined();
      if (file !== undefined) await stat(join(corpusFolder, ...file.split("/")));
    }
    expect(new Set(models.map(({ model }) => model)).size).toBe(models.length);
    expect(new Set(models.map(({ format }) => format))).toEqual(
      new Set(["tfjs-layers", "tfjs-graph", "keras-h5", "keras-v3", "saved-model", "frozen-graph", "onnx", "tflite"]),
    );
  });

  it("at least 40 models made by scripts, with eight answers or more, none of them the same for all inputs", async () => {
    const made = (await readManifest()).filter(({ golden }) => golden !== undefined);
    expect(made.length).toBeGreaterThanOrEqual(40);
    for (const { model, golden = "" } of made) {
      const arrays = decodeNpz(new Uint8Array(await readFile(join(corpusFolder, ...golden.split("/")))));
      const outputs = [...arrays].filter(([name]) => name.startsWith("source/"));
      expect(outputs.length, model).toBeGreaterThan(0);
      for (const [name, { shape, data }] of arrays) {
        const [count = 0] = shape;
        const size = data.length / count;
        expect(count, `${model} ${name}`).toBeGreaterThanOrEqual(8);
        expect(
          data.some((value, at) => value !== data[at % size]),
          `${model} ${name} is constant`,
        ).toBe(true);
      }
    }
  });

  it("small enough for a repository", async () => {
    const files = (await readdir(corpusFolder, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(8e6);
  });
});

const converted: TargetMeasurement = {
  maxRel: 2e-7,
  against: "a runtime",
  goldenMaxRel: 3e-7,
  dead: [],
  operators: { ADD: 2, CONV_2D: 3 },
  transposes: 0,
  bytes: 1000,
  sha256: "00",
  sameTwice: null,
  error: null,
  goldenError: null,
};
const entry: CorpusEntry = {
  model: "net",
  file: "models/net",
  format: "onnx",
  licence: "Apache-2.0",
  tests: "a net",
  golden: "models/net/expected.npz",
  expect: { converts: true },
};
const refusing: CorpusEntry = { ...entry, expect: { refused: "UNSUPPORTED_OPERATOR", operators: ["If", "Loop"] } };
const measured = (tflite: Partial<TargetMeasurement>, more: Partial<Measurement> = {}): Measurement => ({
  model: "net",
  format: "onnx",
  recognisedAs: "onnx",
  framework: "by hand",
  targets: { tflite: { ...converted, ...tflite }, tfjs: converted },
  pictureDifference: null,
  seconds: 1,
  peakRssBytes: 1,
  ...more,
});
const error = (code: string, ...operators: string[]) => ({ code, message: "no", operators });
const refusal = { ...converted, error: error("UNSUPPORTED_OPERATOR", "If", "Loop"), bytes: 0 };

describe("the verdict on a measurement", () => {
  const baseline = { net: { tflite: { parity: "1e-6", transposes: 0, operators: 5 } } } as const;
  const cases: readonly [string, CorpusEntry, Measurement, string][] = [
    ["converted and proven twice", entry, measured({}), "ok"],
    ["no runtime, but recorded answers", entry, measured({ maxRel: null, error: error("PROOF_UNAVAILABLE") }), "ok"],
    [
      "no proof at all",
      entry,
      measured({ maxRel: null, goldenMaxRel: null, error: error("PROOF_UNAVAILABLE") }),
      "failed",
    ],
    ["an error", entry, measured({ maxRel: null, error: error("GRAPH_INVALID") }), "failed"],
    ["recorded answers beyond the bound", entry, measured({ goldenMaxRel: 2e-4 }), "failed"],
    ["recorded answers that could not be compared", entry, measured({ goldenMaxRel: null }), "failed"],
    ["another bound for quantized models", { ...entry, goldenMaxRel: 1e-2 }, measured({ goldenMaxRel: 5e-3 }), "ok"],
    ["recognised as something else", entry, measured({}, { recognisedAs: "tflite" }), "failed"],
    ["other bytes the second time", entry, measured({ sameTwice: false }), "failed"],
    ["the package's picture differs", entry, measured({}, { pictureDifference: 2 }), "failed"],
    ["one more transpose than the baseline", entry, measured({ transposes: 1 }), "failed"],
    ["more operators than the baseline", entry, measured({ operators: { ADD: 6 } }), "failed"],
    ["a last bit worse than the baseline", entry, measured({ maxRel: 2e-6 }), "ok"],
    ["two powers of ten worse than the baseline", entry, measured({ maxRel: 5e-5 }), "failed"],
    ["refused as expected", refusing, measured({}, { targets: { tflite: refusal, tfjs: refusal } }), "ok"],
    ["converted though it should be refused", refusing, measured({}), "failed"],
    [
      "a refusal that names too little",
      { ...refusing, expect: { refused: "UNSUPPORTED_OPERATOR", operators: ["If"] } },
      measured({}, { targets: { tflite: refusal, tfjs: refusal } }),
      "failed",
    ],
    [
      "a refusal of TFJS only",
      { ...entry, expectTfjs: { refused: "UNSUPPORTED_OPERATOR", operators: ["If", "Loop"] } },
      measured({}, { targets: { tflite: converted, tfjs: refusal } }),
      "ok",
    ],
    [
      "a format that is not written yet",
      entry,
      measured({}, { targets: { tflite: converted, tfjs: "pending" } }),
      "pending",
    ],
  ];
  it.each(cases)("%s", (_name, expected, measurement, status) => {
    expect(judge(expected, measurement, baseline).status).toBe(status);
  });
});
