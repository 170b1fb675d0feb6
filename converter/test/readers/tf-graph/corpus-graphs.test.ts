/** SavedModels of the corpus whose reading has sides that the corpus run does not show: signatures, loops in tfjs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeNpz } from "@flotilla/protocol/npz";
import { describe, expect, it } from "vitest";
import { tensorOf } from "../../../src/ir/graph.ts";
import { openSource } from "../../../src/open-source.ts";

const models = join(import.meta.dirname, "../../../../test/corpus/models");

describe("a SavedModel of two signatures", () => {
  it("gives serving_default and names the other, or the one that is asked for", async () => {
    const first = await openSource(join(models, "tf2-signatures/model"));
    expect(first.model.signatures.map(({ key, outputs }) => [key, outputs.map(({ name }) => name)])).toEqual([
      ["serving_default", ["classes"]],
    ]);
    expect(first.otherSignatures).toEqual(["embed"]);
    const other = await openSource(join(models, "tf2-signatures/model"), { signature: "embed" });
    expect(other.model.signatures.map(({ key, outputs }) => [key, outputs.map(({ name }) => name)])).toEqual([
      ["embed", ["embedding"]],
    ]);
    expect(other.otherSignatures).toEqual(["serving_default"]);
  });

  it("refuses one that there is not, and formats that have none", async () => {
    await expect(openSource(join(models, "tf2-signatures/model"), { signature: "train" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      details: { signatures: expect.arrayContaining(["serving_default", "embed"]) },
    });
    await expect(
      openSource(join(models, "tf1-training-switch/model.pb"), { signature: "embed" }),
    ).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("a SavedModel's loops", () => {
  it("run in tfjs as in TensorFlow, with the functions that they name", async () => {
    const source = await openSource(join(models, "tf2-scan/model"));
    const arrays = decodeNpz(new Uint8Array(await readFile(join(models, "tf2-scan/expected.npz"))));
    const [graph] = source.model.graphs;
    const given = arrays.get("input/x");
    if (!graph || !(given?.data instanceof Float32Array)) throw new TypeError("the recorded input is not there");
    const data = given.data.slice(0, 24);
    const truth = await source.truth([]);
    const [answers = []] = await truth.run([[{ dtype: "float32", shape: [1, 6, 4], data }]]);
    truth.close();
    for (const [at, id] of graph.outputs.entries()) {
      const expected = arrays.get(`source/${tensorOf(graph, id).name}`)?.data ?? [];
      const found = Array.from(answers[at]?.data ?? [], Number);
      expect(found.length).toBeGreaterThan(0);
      for (const [place, value] of found.entries()) expect(value).toBeCloseTo(Number(expected[place]), 4);
    }
  });
});
