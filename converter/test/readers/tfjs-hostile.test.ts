/** model.json changed at random: whatever comes of it, it is a model or an error that says whose fault it is. */

import { FlotillaError } from "@flotilla/protocol/errors";
import type { SymbolicTensor } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { runPasses } from "../../src/passes/pipeline.ts";
import { memorySource } from "../../src/readers/file-source.ts";
import { readTfjsLayers } from "../../src/readers/tfjs-layers/read-tfjs-layers.ts";
import { savedFiles, seedWeights } from "./saved-layers-model.ts";

let files: Record<string, Uint8Array | string>;

beforeAll(async () => {
  const { layers } = tfl;
  const x = tfl.input({ shape: [8, 8, 2] });
  const inner = tfl.sequential();
  inner.add(layers.dense({ units: 3, inputShape: [3], activation: "softmax" }));
  const steps = [
    layers.zeroPadding2d({ padding: [[0, 1], [1, 0]] }), // biome-ignore format: short
    layers.separableConv2d({ filters: 4, kernelSize: 3, activation: "relu" }),
    layers.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 2, useBias: false }),
    layers.batchNormalization(),
    layers.prelu({ sharedAxes: [1, 2] }),
    layers.averagePooling2d({ poolSize: 2, padding: "same" }),
    layers.cropping2D({ cropping: 1 }),
    layers.upSampling2d({ size: [2, 2] }),
    layers.permute({ dims: [3, 1, 2] }),
    layers.reshape({ targetShape: [40, 5] }),
    layers.flatten(),
    layers.dense({ units: 3 }),
    inner,
  ];
  const y = steps.reduce((value, layer) => layer.apply(value) as SymbolicTensor, x);
  const z = layers.concatenate().apply([y, layers.add().apply([y, y]) as SymbolicTensor]) as SymbolicTensor;
  files = await savedFiles(seedWeights(tfl.model({ inputs: x, outputs: [z, y] })));
});

interface Place {
  holder: Record<string, unknown>;
  key: string;
}

function placesIn(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null) return found;
  for (const [key, item] of Object.entries(value)) {
    found.push({ holder: value as Record<string, unknown>, key }); // lists are written by index too
    placesIn(item, found);
  }
  return found;
}

const replacement = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    1,
    2,
    3,
    1e9,
    2 ** 53,
    0.5,
    "",
    "same",
    "relu",
    [],
    {},
    [[]],
    [null],
    "__proto__",
    "constructor",
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

/** In the place of each of the first values: the input's name, its dtype, a layer's class. */
const namesOfEveryObject: [[number, unknown][]][] = ["__proto__", "constructor"].flatMap((name) =>
  Array.from({ length: 60 }, (_, at): [[number, unknown][]] => [[[at, name]]]),
);

it("gives a model or an error of the file's", async () => {
  let models = 0;
  const codes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(), replacement), { minLength: 1, maxLength: 3 }), async (changes) => {
      const json: unknown = JSON.parse(String(files["model.json"]));
      for (const [pick, value] of changes) {
        const places = placesIn(json);
        const place = places[pick % places.length];
        if (place) place.holder[place.key] = value;
      }
      try {
        runPasses(await readTfjsLayers(memorySource({ ...files, "model.json": JSON.stringify(json) })));
        models += 1;
      } catch (error) {
        if (!(error instanceof FlotillaError)) throw error;
        codes.add(error.code);
        expect(error.code).toMatch(/^(FORMAT|UNSUPPORTED|CONFIG)_/);
        expect(error.message.length).toBeLessThan(5_000);
      }
    }),
    {
      numRuns: Number(process.env.RUNS ?? 800),
      examples: namesOfEveryObject,
    },
  );
  // The changes must reach deep, or nothing was tried.
  expect(models).toBeGreaterThan(10);
  expect(codes.size).toBeGreaterThan(5);
});
