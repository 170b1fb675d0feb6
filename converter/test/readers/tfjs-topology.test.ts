/** Models of every shape: sequential, functional, nested, shared layers, several inputs and outputs; and those that are refused. */

import { FlotillaError } from "@flotilla/protocol/errors";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel, SymbolicTensor } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import { describe, expect, it } from "vitest";
import { runPasses } from "../../src/passes/pipeline.ts";
import { memorySource } from "../../src/readers/file-source.ts";
import { openTfjsLayers } from "../../src/readers/tfjs-layers/container.ts";
import { readTfjsLayers } from "../../src/readers/tfjs-layers/read-tfjs-layers.ts";
import { comparedWithTfjs } from "./compare-with-tfjs.ts";
import { predict, type SavedJson, savedFiles, savedModel, seededValues, seedWeights } from "./saved-layers-model.ts";

const { layers } = tfl;
type One = SymbolicTensor;

const inner = (name: string): LayersModel => {
  const x = tfl.input({ shape: [4] });
  const hidden = layers.dense({ units: 4, activation: "tanh", name: `${name}_dense` }).apply(x) as One;
  return tfl.model({ inputs: x, outputs: hidden, name });
};

function sequential(...list: Parameters<tfl.Sequential["add"]>[0][]): LayersModel {
  const model = tfl.sequential();
  for (const layer of list) model.add(layer);
  return model;
}

const models: Readonly<Record<string, () => LayersModel>> = {
  "a sequential model": () => sequential(layers.dense({ units: 5, inputShape: [4] }), layers.dropout({ rate: 0.5 })),
  "a sequential model that starts with a model": () => sequential(inner("first"), layers.dense({ units: 3 })),
  "a model in a model": () => {
    const x = tfl.input({ shape: [4] });
    return tfl.model({ inputs: x, outputs: layers.dense({ units: 2 }).apply(inner("once").apply(x)) as One });
  },
  "a model in a model in a model": () => {
    const x = tfl.input({ shape: [4] });
    const middle = tfl.model({ inputs: x, outputs: inner("deep").apply(x) as One, name: "middle" });
    const y = tfl.input({ shape: [4] });
    return tfl.model({ inputs: y, outputs: middle.apply(y) as One });
  },
  "a model called twice": () => {
    const x = tfl.input({ shape: [4] });
    const twice = inner("twice");
    return tfl.model({ inputs: x, outputs: layers.dense({ units: 2 }).apply(twice.apply(twice.apply(x))) as One });
  },
  "a sequential model in a model": () => {
    const x = tfl.input({ shape: [4] });
    const part = sequential(layers.dense({ units: 3, inputShape: [4] }), layers.dense({ units: 2 }));
    return tfl.model({ inputs: x, outputs: part.apply(x) as One });
  },
  "a layer called on its own output": () => {
    const x = tfl.input({ shape: [4] });
    const shared = layers.dense({ units: 4, activation: "tanh" });
    return tfl.model({ inputs: x, outputs: shared.apply(shared.apply(x)) as One });
  },
  "two inputs, three outputs, a shared layer": () => {
    const [a, b] = [tfl.input({ shape: [4] }), tfl.input({ shape: [4] })];
    const shared = layers.dense({ units: 4, activation: "tanh" });
    const [u, v] = [shared.apply(a) as One, shared.apply(b) as One];
    return tfl.model({ inputs: [a, b], outputs: [layers.add().apply([u, v]) as One, v, u] });
  },
  "one value as two outputs": () => {
    const x = tfl.input({ shape: [4] });
    const y = layers.dense({ units: 3 }).apply(x) as One;
    return tfl.model({ inputs: x, outputs: [y, layers.dropout({ rate: 0.5 }).apply(y) as One] });
  },
  "an input that is an output": () => {
    const x = tfl.input({ shape: [4] });
    return tfl.model({
      inputs: x,
      outputs: [layers.dropout({ rate: 0.5 }).apply(x) as One, layers.dense({ units: 3 }).apply(x) as One],
    });
  },
  "a layer that no output needs": () => {
    const x = tfl.input({ shape: [4] });
    layers.dense({ units: 9 }).apply(x);
    return tfl.model({ inputs: x, outputs: layers.dense({ units: 2 }).apply(x) as One });
  },
};

describe("models", () => {
  it.each(Object.entries(models))("%s", async (_, build) => {
    for (const [runtime, worst] of Object.entries(await comparedWithTfjs(seedWeights(build())))) {
      expect(worst, runtime).toBeLessThanOrEqual(1e-5);
    }
  });

  it("a chain of 3,000 layers, deeper than the engine's own stack likes", async () => {
    const chain = sequential(layers.dense({ units: 4, inputShape: [4] }), layers.activation({ activation: "tanh" }));
    const source = await savedModel(chain, (json) => {
      const [first, second] = json.modelTopology.config.layers;
      const rest = Array.from({ length: 3_000 }, (_, i) => ({
        class_name: "Activation",
        name: `tanh_${i}`,
        config: { ...second.config, name: `tanh_${i}` },
        inbound_nodes: [[[i === 0 ? "first" : `tanh_${i - 1}`, 0, 0, {}]]],
      }));
      const input = {
        class_name: "InputLayer",
        name: "in",
        config: { name: "in", batch_input_shape: [null, 4] },
        inbound_nodes: [],
      };
      const dense = { ...first, name: "first", inbound_nodes: [[["in", 0, 0, {}]]] };
      // From the last to the first: nothing is known yet when it is met.
      const members = [input, dense, ...rest].reverse();
      const ends = { input_layers: [["in", 0, 0]], output_layers: [["tanh_2999", 0, 0]] };
      json.modelTopology = { class_name: "Model", config: { name: "deep", layers: members, ...ends } };
    });
    expect(runPasses(await readTfjsLayers(source)).graphs[0]?.nodes).toHaveLength(3_001);
  });
});

describe("names and shapes", () => {
  it("are those that tfjs gives inputs and outputs, made unique", async () => {
    const model = models["two inputs, three outputs, a shared layer"]!();
    const { signatures, graphs } = await readTfjsLayers(await savedModel(model));
    const shared = model.outputNames[1];
    expect(signatures).toMatchObject([
      {
        key: "serving_default",
        inputs: model.inputNames.map((name) => ({ name })),
        outputs: [{ name: model.outputNames[0] }, { name: shared }, { name: `${shared}_1` }],
      },
    ]);
    expect(signatures[0]?.outputs.map(({ tensor }) => tensor)).toEqual(graphs[0]?.outputs);
  });

  it("of a sequential model's input follow its first layer", async () => {
    const model = sequential(layers.dense({ units: 5, inputShape: [4], name: "first" }), layers.softmax());
    const { signatures } = await readTfjsLayers(await savedModel(model));
    expect(signatures[0]?.inputs.map(({ name }) => name)).toEqual(["first_input"]);
  });

  const open = () => {
    const x = tfl.input({ shape: [null, null, 3], name: "photo" });
    return tfl.model({ inputs: x, outputs: layers.conv2d({ filters: 2, kernelSize: 3 }).apply(x) as One });
  };

  it("fixes dynamic sizes as asked, the batch too", async () => {
    const { graphs } = await readTfjsLayers(await savedModel(open()), { inputShapes: { photo: [2, 8, 9, 3] } });
    const [graph] = graphs;
    expect(graph?.outputs.map((id) => graph.tensors.get(id)?.shape)).toEqual([[2, 6, 7, 2]]);
  });

  it("keeps sizes dynamic as asked", async () => {
    const options = { inputShapes: { photo: [-1, -1, 9, 3] } };
    const { graphs } = await readTfjsLayers(await savedModel(open()), options);
    const [graph] = graphs;
    expect(graph?.inputs.map((id) => graph.tensors.get(id)?.shape)).toEqual([[-1, -1, 9, 3]]);
    expect(graph?.outputs.map((id) => graph.tensors.get(id)?.shape)).toEqual([[-1, -1, 7, 2]]);
  });

  it("refuses a layer that needs a size kept dynamic, with the reason", async () => {
    const x = tfl.input({ shape: [null, 4], name: "sound" });
    const model = tfl.model({
      inputs: x,
      outputs: layers.lstm({ units: 2, recurrentInitializer: "zeros", name: "memory" }).apply(x) as One,
    });
    const options = { inputShapes: { sound: [1, -1, 4] } };
    await expect(readTfjsLayers(await savedModel(model), options)).rejects.toMatchObject({
      code: "UNSUPPORTED_LAYER",
      details: [
        { node: "memory", operator: "LSTM", reason: expect.stringContaining("axis 1 of its input is dynamic") },
      ],
    });
  });

  it.each([
    ["dynamic sizes that nobody fixed", undefined],
    ["a shape that contradicts the model", { photo: [1, 8, 8, 4] }],
    ["a shape of another rank", { photo: [8, 8, 3] }],
    ["a size that is none", { photo: [1, 8, 0, 3] }],
    ["a dynamic size where the model has one of its own", { photo: [1, 8, 8, -1] }],
    ["an input that is none", { foto: [1, 8, 8, 3] }],
  ])("refuses %s", async (_, inputShapes) => {
    const source = await savedModel(open());
    await expect(readTfjsLayers(source, inputShapes ? { inputShapes } : {})).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("photo"),
    });
  });
});

describe("other spellings of a config", () => {
  const base = () => {
    const x = tfl.input({ shape: [6], name: "in" });
    const hidden = layers.dense({ units: 3, name: "hidden" }).apply(x) as One;
    return tfl.model({ inputs: x, outputs: layers.batchNormalization({ name: "out" }).apply(hidden) as One });
  };
  const spellings: Readonly<Record<string, (json: SavedJson) => unknown>> = {
    "model_config around it": (json) => {
      json.modelTopology = { keras_version: "2.4.0", backend: "tensorflow", model_config: json.modelTopology };
    },
    "Functional": (json) => {
      json.modelTopology.class_name = "Functional";
    },
    "a bare reference at the ends": (json) => {
      json.modelTopology.config.input_layers = ["in", 0, 0];
      json.modelTopology.config.output_layers = ["out", 0, 0];
    },
    "Keras 3: batch_shape, dtype policies, inbound args": (json) => {
      const [first, second] = json.modelTopology.config.layers;
      first.config = { batch_shape: [null, 6], dtype: "float32", name: "in" };
      second.config.dtype = { module: "keras", class_name: "DTypePolicy", config: { name: "float32" } };
      const history = { class_name: "__keras_tensor__", config: { shape: [null, 6], keras_history: ["in", 0, 0] } };
      second.inbound_nodes = [{ args: [history], kwargs: {} }];
    },
    "TensorFlow 1's batch norm": (json) => {
      const { layers: list } = json.modelTopology.config;
      list.at(-1).class_name = "BatchNormalizationV1";
    },
    "weights with ports and scopes": (json) => {
      for (const weight of json.weightsManifest[0]?.weights ?? []) weight.name = `scope/${weight.name}:0`;
    },
  }; // biome-ignore format: aligned

  it.each(Object.entries(spellings))("%s, read by us and loaded by tfjs", async (_, change) => {
    const model = seedWeights(base());
    const worst = await comparedWithTfjs(model, { change });
    for (const [runtime, difference] of Object.entries(worst)) expect(difference, runtime).toBeLessThanOrEqual(1e-5);

    const { modelTopology, weightSpecs, weightData } = (
      await openTfjsLayers(await savedModel(model, change))
    ).artifacts();
    const artifacts = structuredClone({ modelTopology, weightSpecs }) as object; // JSON, which tfjs checks
    const loaded = await tfl.loadLayersModel(tf.io.fromMemory({ ...artifacts, weightData: [...weightData] }));
    const inputs = [seededValues(6, 3)];
    expect(predict(loaded, inputs, [[1, 6]])).toEqual(predict(model, inputs, [[1, 6]]));
  });
});

describe("bad input", () => {
  const simple = () =>
    sequential(layers.dense({ units: 3, inputShape: [4], name: "first" }), layers.dense({ units: 2, name: "second" }));

  async function failure(model: LayersModel, change: (json: SavedJson) => unknown): Promise<FlotillaError> {
    const error = await readTfjsLayers(memorySource(await savedFiles(model, change))).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FlotillaError);
    return error as FlotillaError; // just asserted
  }

  it("lists every layer that cannot be converted, with its reason", async () => {
    const model = sequential(
      layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [8, 8, 3], name: "first" }),
      layers.flatten({ name: "flat" }),
      layers.repeatVector({ n: 2, name: "repeat" }),
      layers.lstm({ units: 2, recurrentInitializer: "zeros", stateful: false, name: "memory" }),
      layers.dense({ units: 2, name: "last" }),
    );
    const error = await failure(model, (json) => {
      const specs = json.modelTopology.config.layers;
      specs[0].config.padding = "causal";
      specs[2].class_name = "Echo";
      specs[3].config.stateful = true;
    });
    expect(error.code).toBe("UNSUPPORTED_LAYER");
    expect(error.details).toEqual([
      { node: "first", operator: "Conv2D", reason: expect.stringContaining("causal") },
      { node: "repeat", operator: "Echo", reason: expect.stringContaining("no conversion") },
      { node: "memory", operator: "LSTM", reason: expect.stringContaining("stateful") },
    ]);
  });

  it.each<[string, (json: SavedJson) => void]>([
    [
      "a ReLU whose negative_slope tfjs would not run",
      (json) => {
        json.modelTopology.config.layers[1] = { class_name: "ReLU", config: { name: "second", negative_slope: 0.2 } };
      },
    ],
    [
      "a dtype that devices do not have",
      (json) => {
        json.modelTopology.config.layers[0].config.dtype = "string";
      },
    ],
    [
      "an unknown activation",
      (json) => {
        json.modelTopology.config.layers[1].config.activation = "my_own";
      },
    ],
    [
      "a cell that is not known",
      (json) => {
        json.modelTopology.config.layers[1] = {
          class_name: "RNN",
          config: { name: "second", cell: { class_name: "Other", config: { name: "cell" } } },
        };
      },
    ],
  ])("refuses %s", async (_, change) => {
    expect(await failure(simple(), change)).toMatchObject({
      code: "UNSUPPORTED_LAYER",
      details: [{ reason: expect.any(String) }],
    });
  });

  it.each<[string, string, (json: SavedJson) => void]>([
    [
      "a weight that is missing",
      "FORMAT_WEIGHTS_MISSING",
      (json) => {
        json.weightsManifest[0]!.weights[0]!.name = "first/other";
      },
    ],
    [
      "a weight of another shape",
      "FORMAT_WEIGHTS_MISMATCH",
      (json) => {
        json.weightsManifest[0]!.weights[0]!.shape = [3, 4];
      },
    ],
    [
      "a weight that no layer takes",
      "FORMAT_WEIGHTS_MISMATCH",
      (json) => {
        json.modelTopology.config.layers.pop();
      },
    ],
    [
      "a reference to no layer",
      "FORMAT_CORRUPT",
      (json) => {
        json.modelTopology = functional([["x", "nowhere"]], "x");
      },
    ],
    [
      "layers in a circle",
      "FORMAT_CORRUPT",
      (json) => {
        json.modelTopology = functional(
          [
            ["x", "y"],
            ["y", "x"],
          ],
          "x",
        );
      },
    ],
    [
      "two layers of one name",
      "FORMAT_CORRUPT",
      (json) => {
        json.modelTopology = functional(
          [
            ["x", "in"],
            ["x", "in"],
          ],
          "x",
        );
      },
    ],
    [
      "a call that is not there",
      "FORMAT_CORRUPT",
      (json) => {
        json.modelTopology = functional([["x", "in"]], "x", 3);
      },
    ],
    [
      "units that are no number",
      "FORMAT_JSON",
      (json) => {
        json.modelTopology.config.layers[0].config.units = "many";
      },
    ],
    [
      "a config that is no object",
      "FORMAT_JSON",
      (json) => {
        json.modelTopology.config.layers[0].config = [];
      },
    ],
    [
      "no layers",
      "FORMAT_JSON",
      (json) => {
        json.modelTopology.config.layers = [];
      },
    ],
    [
      "models inside each other without end",
      "FORMAT_LIMIT",
      (json) => {
        for (let i = 0; i < 70; i++)
          json.modelTopology = { class_name: "Sequential", config: { layers: [json.modelTopology] } };
      },
    ],
    [
      "a kernel larger than its input",
      "FORMAT_CORRUPT",
      (json) => {
        json.modelTopology.config.layers[0] = {
          class_name: "MaxPooling2D",
          config: { name: "first", batch_input_shape: [null, 2, 2, 1], pool_size: 9, strides: 1, padding: "valid" },
        };
      },
    ],
  ])("refuses %s: %s", async (_, code, change) => {
    expect(await failure(simple(), change)).toMatchObject({
      code,
      message: expect.stringMatching(/first|second|config|"x"|layers|nowhere/),
    });
  });
});

/** A functional model of Dropout layers: [name, its input]. */
function functional(links: readonly (readonly [string, string])[], output: string, call = 0) {
  const input = {
    class_name: "InputLayer",
    name: "in",
    config: { name: "in", batch_input_shape: [null, 4] },
    inbound_nodes: [],
  };
  const rest = links.map(([name, from]) => ({
    class_name: "Dropout",
    name,
    config: { name, rate: 0.5 },
    inbound_nodes: [[[from, 0, 0, {}]]],
  }));
  return {
    class_name: "Model",
    config: { name: "m", layers: [input, ...rest], input_layers: [["in", 0, 0]], output_layers: [[output, call, 0]] },
  };
}
