import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tensorOf } from "../../../src/ir/graph.ts";
import { openSource } from "../../../src/open-source.ts";
import { folderSource } from "../../../src/readers/folder-source.ts";
import { openTensorBundle } from "../../../src/readers/tf-graph/saved-model/tensor-bundle.ts";

/** Made by TensorFlow itself: `test/corpus/make/`. */
const corpus = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..", "test", "corpus", "models");

describe("SavedModels that TensorFlow wrote", () => {
  it("gives every variable of a checkpoint with its checksum in order", async () => {
    const bundle = await openTensorBundle(
      folderSource(join(corpus, "tf2-keras2-saved", "model")),
      "variables/variables",
    );
    const tensors = bundle.names.flatMap((name) => bundle.tensor(name)?.constant ?? []);
    expect(tensors.length).toBeGreaterThan(4);
    for (const tensor of tensors) expect(tensor.bytes()).toHaveLength(tensor.byteLength);
  });

  it.each([
    ["tf1-cnn", "reference variables of TF1"],
    ["tf2-keras-export", "Keras 3, model.export"],
    ["tf2-keras2-saved", "Keras 2, model.save"],
    ["tf2-functions", "functions that call functions"],
  ])("reads %s: %s, every variable a constant", async (name) => {
    const { model, format } = await openSource(join(corpus, name, "model"));
    expect(format).toBe("saved-model");
    const graph = model.graphs[0]!;
    expect(graph.nodes.length).toBeGreaterThan(2);
    const weights = [...graph.tensors.values()].filter(({ dtype, constant }) => constant && dtype === "float32");
    expect(weights.length).toBeGreaterThan(1);
    for (const { constant } of weights) expect(constant?.bytes()).toHaveLength(constant?.byteLength ?? -1);
    for (const { tensor } of model.signatures[0]?.outputs ?? [])
      expect(tensorOf(graph, tensor).shape).not.toContain(-1);
  });

  it("refuses a loop over data, by node and operator", async () => {
    await expect(openSource(join(corpus, "tf2-while-refused", "model"))).rejects.toMatchObject({
      code: "UNSUPPORTED_OPERATOR",
      details: [{ node: expect.stringContaining("while"), operator: expect.stringContaining("While") }],
    });
  });
});
