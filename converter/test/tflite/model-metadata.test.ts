/** TFLITE_METADATA: made from preprocessing and labels, carried with its files, whoever appended them. */
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import type { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import { decodeFlatbuffer } from "@flotilla/protocol/flatbuffer/decode-flatbuffer";
import { metadataIdentifier, metadataName, modelMetadataTable } from "@flotilla/protocol/tflite/metadata-schema";
import { verifyTflite } from "@flotilla/protocol/tflite/verify-tflite";
import { describe, expect, test } from "vitest";
import type { Model } from "../../src/ir/graph.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { describeModel } from "../../src/writers/tflite/model-metadata.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { reluParts, tfliteFile } from "./file-model.ts";

const model = readTflite(tfliteFile(reluParts));
const steps: readonly PreprocessingStep[] = [
  { kind: "decode", channels: 3, upright: true },
  { kind: "resize", width: 224, height: 192, method: "bilinear", halfPixel: true, antialias: false },
  { kind: "scale", by: 1 / 255, offset: 0 },
  { kind: "normalize", mean: [0.5, 0.25, 0.5], std: [0.5, 0.5, 0.25] },
];
const labels = ["rowan", "oak", "Übergröße"];
const described = describeModel(model, { name: "trees", preprocessing: { x: steps }, labels });

const metadataOf = ({ metadata }: Model) => {
  const entry = metadata.find(({ name }) => name === metadataName);
  return decodeFlatbuffer(entry?.bytes ?? new Uint8Array(0), modelMetadataTable, metadataIdentifier);
};

describe("a described model", () => {
  test("says how pictures become inputs, in the order and units of the schema", () => {
    const { name, minParserVersion, subgraphMetadata } = metadataOf(described);
    expect([name, minParserVersion]).toEqual(["trees", "1.0.0"]);
    const [input] = subgraphMetadata[0]?.inputTensorMetadata ?? [];
    expect(input?.content?.contentProperties).toMatchObject({
      type: "ImageProperties",
      value: { colorSpace: "RGB", defaultSize: { width: 224, height: 192 } },
    });
    const { type, value } = input?.processUnits[0]?.options ?? { type: "", value: {} };
    expect(type).toBe("NormalizationOptions");
    // (x / 255 − mean) / std is (x − 255·mean) / (255·std).
    expect(value).toEqual({ mean: [127.5, 63.75, 127.5].map(near), std: [127.5, 127.5, 63.75].map(near) });
  });

  test("names its label file, which rides behind the flatbuffer", () => {
    const [output] = metadataOf(described).subgraphMetadata[0]?.outputTensorMetadata ?? [];
    expect(output?.associatedFiles).toMatchObject([{ name: "labels.txt", type: "TENSOR_AXIS_LABELS" }]);
    const read = readTflite(writeTflite(described));
    expect(new TextDecoder().decode(read.files?.get("labels.txt"))).toBe("rowan\noak\nÜbergröße\n");
    expect(modelDifference(described, read)).toBeNull();
  });

  test("is sound, and runs in LiteRT", async () => {
    const file = writeTflite(described);
    expect(verifyTflite(file).inputs).toHaveLength(1);
    const loaded = await createLitertRuntime({ build: "wasm-simd" }).load(file);
    const input = { dtype: "float32" as const, shape: [2, 3], data: Float32Array.of(-1, 2, -3, 4, -5, 6) };
    expect(await loaded.run([input])).toMatchObject([{ data: Float32Array.of(0, 2, 0, 4, 0, 6) }]);
    loaded.close();
  });

  test("metadata of its maker's stay", () => {
    expect(describeModel(described, { name: "other", preprocessing: { x: [] } })).toBe(described);
  });
});

test("BGR has no word in the schema, and is not called RGB", () => {
  const bgr: readonly PreprocessingStep[] = [...steps.slice(0, 2), { kind: "colour", order: "bgr" }];
  const [input] = metadataOf(describeModel(model, { name: "m", preprocessing: { x: bgr } })).subgraphMetadata[0]
    ?.inputTensorMetadata ?? [null];
  expect(input).toMatchObject({ name: "x", content: null, processUnits: [] });
});

test("an archive whose places count from the file's beginning is read as well", () => {
  const file = writeTflite(described);
  const start = file.byteLength - writeTflite({ ...described, files: new Map() }).byteLength;
  const view = new DataView(file.buffer);
  const end = file.byteLength - 22;
  const archive = file.byteLength - start;
  const directory = view.getUint32(end + 16, true);
  view.setUint32(end + 16, directory + archive, true);
  view.setUint32(archive + directory + 42, archive, true);
  expect(modelDifference(described, readTflite(file))).toBeNull();
});

/** As float32 has it. */
const near = (value: number): unknown => expect.closeTo(value, 3);
