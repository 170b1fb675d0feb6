/** Files whose sizes stay dynamic, run at sizes of the data in both runtimes, against tfjs. */
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import * as tfl from "@tensorflow/tfjs-layers";
import { describe, expect, it } from "vitest";
import { runPasses } from "../../src/passes/pipeline.ts";
import { readTfjsLayers } from "../../src/readers/tfjs-layers/read-tfjs-layers.ts";
import { openVariant } from "../../src/runtimes/variant-runner.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { chain } from "../readers/layer-chains.ts";
import { predict, savedModel, seededValues, seedWeights } from "../readers/saved-layers-model.ts";
import { worstRelative } from "../run-tflite.ts";

const { layers } = tfl;

/** Convolutions, upsampling by a factor of a size that only the run tells, cropping counted from the end, pooling. */
const net = () =>
  seedWeights(
    chain(
      [null, null, 3],
      layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "relu" }),
      layers.upSampling2d({ size: [2, 3] }),
      layers.cropping2D({ cropping: [[1, 2], [0, 1]] }),
      layers.batchNormalization(),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.conv2d({ filters: 2, kernelSize: 1 }),
    ),
  ); // biome-ignore format: one line a layer

const runtimes = [createTfliteRuntime(), createLitertRuntime({ build: "wasm-simd" })];

describe.each(runtimes)("dynamic sizes in $name", (runtime) => {
  it("run at each sample's own", async () => {
    const model = net();
    const options = { inputShapes: { [model.inputNames[0]!]: [-1, -1, -1, 3] } };
    const bytes = writeTflite(runPasses(await readTfjsLayers(await savedModel(model), options)));
    const variant = await openVariant(bytes, runtime);
    for (const [n, shape] of [
      [1, 8, 8, 3],
      [1, 5, 12, 3],
      [2, 8, 8, 3],
    ].entries()) {
      const data = seededValues(
        shape.reduce((product, size) => product * size, 1),
        5 + n,
      );
      const [expected] = predict(model, [data], [shape]);
      const [found] = await variant.run([{ dtype: "float32", shape, data }]);
      expect(found).toHaveLength(expected!.length);
      expect(worstRelative(expected!, Float32Array.from(found!))).toBeLessThanOrEqual(1e-5);
    }
    variant.close();
  });
});
