import type { NdArray } from "@flotilla/protocol/nd-array";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { fixtureFolder } from "../../../scripts/fixtures.ts";
import { loadDigits } from "../../../test/fixtures/digits.ts";
import { loadPhotoCrops } from "../../../test/fixtures/photos.ts";
import { memorySource } from "../../src/readers/file-source.ts";
import { folderSource } from "../../src/readers/folder-source.ts";
import { openTfjsLayers } from "../../src/readers/tfjs-layers/container.ts";
import type { SourceModel } from "../../src/runtimes/source-runtime.ts";
import { createTfjsLayersRuntime } from "../../src/runtimes/tfjs-layers.ts";

const runtime = createTfjsLayersRuntime();
const open: SourceModel[] = [];
afterEach(() => {
  for (const model of open.splice(0)) model.close();
});

async function loadFixture(name: string): Promise<SourceModel> {
  const container = await openTfjsLayers(folderSource(await fixtureFolder(name)));
  const model = await runtime.load(container.artifacts());
  open.push(model);
  return model;
}

/** A model of one weightless layer behind an input. */
async function loadLayer(className: string, config: object, shape: (number | null)[]): Promise<SourceModel> {
  const layers = [
    {
      class_name: "InputLayer",
      config: { name: "in", batch_input_shape: shape, dtype: "float32" },
      name: "in",
      inbound_nodes: [],
    },
    { class_name: className, config: { name: "out", ...config }, name: "out", inbound_nodes: [[["in", 0, 0, {}]]] },
  ];
  const topology = {
    class_name: "Model",
    config: { name: "tiny", layers, input_layers: [["in", 0, 0]], output_layers: [["out", 0, 0]] },
  };
  const json = { format: "layers-model", modelTopology: topology, weightsManifest: [] };
  const container = await openTfjsLayers(memorySource({ "model.json": JSON.stringify(json) }));
  const model = await runtime.load(container.artifacts());
  open.push(model);
  return model;
}

const floats = (shape: number[], values: ArrayLike<number>): NdArray => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

function largestOf(row: Float32Array): number {
  return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
}

describe("createTfjsLayersRuntime", () => {
  // tfjs registers its backends when the first model is loaded, and tests look at them.
  beforeAll(async () => {
    await loadLayer("Activation", { activation: "relu" }, [null, 1]);
  });

  it("scores 0.9934 on the 10,000 digits, on the WASM backend and without a word", async () => {
    const spies = (["log", "warn", "error", "info"] as const).map((method) => vi.spyOn(console, method));
    const model = await loadFixture("digits-layers");
    expect(model.inputs).toEqual([{ name: "conv2d_1_input", dtype: "float32", shape: [-1, 28, 28, 1] }]);
    expect(model.outputs).toEqual([{ name: "dense_2", dtype: "float32", shape: [-1, 10] }]);
    const { images, labels, count } = await loadDigits();
    const outputs = await model.run(
      new Map([["conv2d_1_input", { dtype: "float32", shape: [count, 28, 28, 1], data: images }]]),
    );
    const answers = outputs.get("dense_2")!;
    expect(answers.shape).toEqual([10_000, 10]);
    const scores = answers.data as Float32Array;
    const right = labels.filter((label, index) => largestOf(scores.subarray(index * 10, index * 10 + 10)) === label);
    expect(right.length / count).toBeCloseTo(0.9934, 6);
    expect(model.build).toBe("wasm-simd");
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it("runs MobileNetV2 with its quantized weights; probabilities sum to 1", async () => {
    const model = await loadFixture("mobilenet-v2-5class");
    const [input, output] = [model.inputs[0]!, model.outputs[0]!];
    expect(input.shape).toEqual([-1, 224, 224, 3]);
    const crops = await loadPhotoCrops(4, 224);
    const images = floats(
      [4, 224, 224, 3],
      crops.images.map((value) => value / 255),
    );
    const { data } = (await model.run(new Map([[input.name, images]]))).get(output.name)!;
    for (let sample = 0; sample < 4; sample++) {
      const row = (data as Float32Array).subarray(sample * 5, sample * 5 + 5);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
    }
  });

  it("gives a batch the answers that its samples get alone", async () => {
    const model = await loadFixture("digits-layers");
    const { images } = await loadDigits(3);
    const run = async (from: number, to: number) => {
      const data = images.slice(from * 784, to * 784);
      const outputs = await model.run(
        new Map([["conv2d_1_input", { dtype: "float32", shape: [to - from, 28, 28, 1], data }]]),
      );
      return [...(outputs.get("dense_2")!.data as Float32Array)];
    };
    expect(await run(0, 3)).toEqual([...(await run(0, 1)), ...(await run(1, 2)), ...(await run(2, 3))]);
  });

  it("keeps no tensor after a run, and none after closing", async () => {
    const before = tf.memory().numTensors;
    const model = await loadFixture("digits-layers");
    const { images } = await loadDigits(2);
    const input = new Map([["conv2d_1_input", floats([2, 28, 28, 1], images)]]);
    await model.run(input);
    const loaded = tf.memory().numTensors;
    for (let round = 0; round < 5; round++) await model.run(input);
    expect(tf.memory().numTensors).toBe(loaded);
    model.close();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("moves a model to the CPU backend where a WASM kernel is missing, and says which", async () => {
    // Every kernel that today's layers need is there, so one is taken away for a moment.
    const kernel = tf.getKernel("Softplus", "wasm");
    tf.unregisterKernel("Softplus", "wasm");
    try {
      const model = await loadLayer("Activation", { activation: "softplus" }, [null, 2]);
      expect(model.build).toBe("wasm-simd");
      const answer = (await model.run(new Map([["in", floats([1, 2], [0, 30])]]))).get("out")!;
      expect(answer).toEqual(floats([1, 2], [Math.LN2, 30]));
      expect(model.build).toBe("cpu (no WASM kernel Softplus)");
    } finally {
      tf.registerKernel(kernel);
    }
  });

  it("refuses inputs that do not fit, and models that tfjs does not know", async () => {
    const model = await loadLayer("Activation", { activation: "relu" }, [null, 4]);
    const cases = [new Map(), new Map([["in", floats([1, 5], [1, 2, 3, 4, 5])]])];
    for (const inputs of cases) await expect(model.run(inputs)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await expect(loadLayer("NobodyKnowsThis", {}, [null, 4])).rejects.toMatchObject({ code: "UNSUPPORTED_RUNTIME" });
  });
});
