/**
 * Keras files against what Keras computes with them: `fixtures/make-keras-models.py` wrote both, with Keras 2 (tf_keras) and
 * Keras 3. And what is refused, by name.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeNpz } from "@flotilla/protocol/npz";
import { describe, expect, it } from "vitest";
import { fixturePath } from "../../../../scripts/fixtures.ts";
import { convert } from "../../../src/convert.ts";
import { type OpenedSource, openSource } from "../../../src/open-source.ts";
import { temporaryFolder } from "../../convert/temporary.ts";

const fixtures = join(import.meta.dirname, "fixtures");

async function recorded(model: string, golden?: string) {
  const { source, variants } = await convert({
    model: join(fixtures, model),
    output: await temporaryFolder(),
    recipes: ["float32"],
    ...(golden === undefined ? {} : { golden: join(fixtures, golden) }),
  });
  return { format: source.format, parity: variants[0]?.parity };
}

const opened = (model: string): Promise<OpenedSource> => openSource(join(fixtures, model));

describe.each(["keras2", "keras3"])("%s", (keras) => {
  it.each([
    ["everything.keras", "everything", "keras-v3"],
    ["everything.h5", "everything", "keras-h5"],
    ["scopes.keras", "scopes", "keras-v3"],
    ["sequential.keras", "sequential", "keras-v3"],
    ["sequential.h5", "sequential", "keras-h5"],
    ["parts.h5", "sequential", "keras-h5"],
    ["deflated.keras", "sequential", "keras-v3"],
    ["windows.keras", "sequential", "keras-v3"],
    ["prepared.keras", "prepared", "keras-v3"],
    ["comparable.keras", "comparable", "keras-v3"],
    ["prepared.h5", "prepared", "keras-h5"],
  ])("%s computes what Keras recorded", async (model, golden, expected) => {
    const { format, parity } = await recorded(`${keras}-${model}`, `${keras}-${golden}-expected.npz`);
    expect(format).toBe(expected);
    expect(parity?.maxRel).toBeLessThan(1e-5);
  });

  it.each(["sequential.keras", "sequential.h5", "comparable.keras"])(
    "%s is proven in tfjs-layers without a recording",
    async (model) => {
      const { parity } = await recorded(`${keras}-${model}`);
      expect(parity).toMatchObject({ against: expect.stringContaining("tfjs-layers") });
      expect(parity?.maxRel).toBeLessThan(1e-5);
    },
  );

  it("written as a LayersModel it is proven against its .tflite, not against itself", async () => {
    const { variants } = await convert({
      model: join(fixtures, `${keras}-comparable.keras`),
      output: await temporaryFolder(),
      to: ["tfjs-layers", "tfjs"],
    });
    const [layers, graph] = variants.map(({ parity }) => parity);
    expect(layers?.against).toMatch(/^its \.tflite in litert/);
    expect(layers?.runtimes.map(({ runtime }) => runtime)).toEqual([expect.stringContaining("tfjs-layers")]);
    expect(layers?.maxRel).toBeLessThan(1e-5);
    expect(graph?.against).toContain("tfjs-layers");
  });

  it("a model that tfjs-layers runs otherwise is not proven there", async () => {
    const source = await opened(`${keras}-everything.keras`);
    await expect(source.truth([])).rejects.toMatchObject({
      code: "PROOF_UNAVAILABLE",
      message: expect.stringMatching(/attention \(MultiHeadAttention\).*--golden/),
    });
  });

  it.each([
    ["lambda.keras", "UNSUPPORTED_LAYER", /twice \(Lambda\): it is Python code/],
    ["registered.keras", "UNSUPPORTED_LAYER", /negative \(shop>Dense\): a class of the model's own/],
    ["subclassed.keras", "UNSUPPORTED_LAYER", /a class of its own, .*Own/],
    ["only.weights.h5", "FORMAT_WEIGHTS_ONLY", /holds weights only.*model\.save/],
  ])("%s is refused", async (model, code, message) => {
    await expect(opened(`${keras}-${model}`)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe("names and values", () => {
  it("inputs, outputs and weights are called as Keras calls them, nested models in front", async () => {
    const { model } = await opened("keras3-scopes.keras");
    const [graph] = model.graphs;
    const constants = [...(graph?.tensors.values() ?? [])].filter(({ constant }) => constant).map(({ name }) => name);
    expect(constants.filter((name) => name.endsWith("kernel"))).toEqual(
      expect.arrayContaining(["left/dense/kernel", "left/middle/dense/kernel", "right/dense/kernel", "dense/kernel"]),
    );
    expect(model.signatures[0]?.inputs.map(({ name }) => name)).toEqual(["vector"]);
    expect(model.signatures[0]?.outputs.map(({ name }) => name)).toEqual(["dense"]);
  });

  it("float16 and bfloat16 weights are those that Keras had", async () => {
    const { model } = await opened("keras3-halves.keras");
    const expected = decodeNpz(new Uint8Array(await readFile(join(fixtures, "keras3-halves-weights.npz"))));
    for (const name of ["brain/bias", "half/bias"]) {
      const tensor = [...(model.graphs[0]?.tensors.values() ?? [])].find((one) => one.name === name);
      const bytes = tensor?.constant?.bytes() ?? new Uint8Array(0);
      const values = new Float32Array(bytes.slice().buffer);
      expect([...values]).toEqual([...(expected.get(`halves/${name}`)?.data ?? [])]);
      expect(values.length).toBeGreaterThan(2);
    }
  });

  it("the same weights as TFJS and as Keras HDF5 give the same file", async () => {
    const files = await Promise.all(
      ["digits-layers", "digits-keras-h5"].map(async (name) => {
        const output = await temporaryFolder();
        const model = await fixturePath(name);
        const { variants } = await convert({ model, output, name: "digits", recipes: ["float32"], prove: false });
        return variants[0]?.sha256;
      }),
    );
    expect(files[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(files[1]).toBe(files[0]);
  });
});
