/**
 * A model's size is no measure of the memory that converting it takes: of two models made on the fly, the larger one may
 * cost the difference of their sizes nowhere. Figures are bytes of whole child processes, never seconds.
 */
import { spawn } from "node:child_process";
import { open, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./temporary.ts";

const width = 1024;
const layerBytes = 4 * (width * width + width);

/** A LayersModel of equal dense layers, written a layer at a time. */
async function denseModel(folder: string, count: number): Promise<string> {
  const input = { class_name: "InputLayer", name: "in", config: { name: "in", batch_input_shape: [null, width] } };
  const names = Array.from({ length: count }, (_, i) => `dense_${i}`);
  const layers = names.map((name, i) => ({
    class_name: "Dense",
    name,
    config: { name, units: width, activation: "relu", use_bias: true },
    inbound_nodes: [[[names[i - 1] ?? "in", 0, 0, {}]]],
  }));
  const config = {
    name: "m",
    layers: [{ ...input, inbound_nodes: [] }, ...layers],
    input_layers: [["in", 0, 0]],
    output_layers: [[names.at(-1), 0, 0]],
  };
  const weights = names.flatMap((name) => [
    { name: `${name}/kernel`, shape: [width, width], dtype: "float32" },
    { name: `${name}/bias`, shape: [width], dtype: "float32" },
  ]);
  const handle = await open(join(folder, "weights.bin"), "w");
  for (let i = 0; i < count; i++)
    await handle.writeFile(new Float32Array(layerBytes / 4).map((_, k) => Math.sin(k + i) / width));
  await handle.close();
  const model = {
    format: "layers-model",
    modelTopology: { keras_version: "2.8.0", model_config: { class_name: "Functional", config } },
    weightsManifest: [{ paths: ["weights.bin"], weights }],
  };
  await writeFile(join(folder, "model.json"), JSON.stringify(model));
  return join(folder, "model.json");
}

/** Converts in a process of its own; gives the file's bytes and the most memory that the process held. */
async function convertAlone(model: string, output: string): Promise<{ bytes: number; peakRssBytes: number }> {
  const script = `import { convert } from ${JSON.stringify(new URL("../../src/convert.ts", import.meta.url).href)};
    const { variants, peakRssBytes } = await convert({ model: process.argv[1], output: process.argv[2], prove: false });
    console.log(JSON.stringify({ bytes: variants[0].bytes, peakRssBytes, file: variants[0].file }));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, model, output], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  const result = JSON.parse(text) as { bytes: number; peakRssBytes: number; file: string }; // our own script wrote it
  expect((await stat(result.file)).size).toBe(result.bytes);
  return result;
}

test("memory does not grow with the model", { timeout: 240_000 }, async () => {
  const results = [];
  for (const layers of [14, 40]) {
    const folder = await temporaryFolder();
    results.push(await convertAlone(await denseModel(folder, layers), join(folder, "out")));
  }
  const [small, large] = results;
  const more = (large?.bytes ?? 0) - (small?.bytes ?? 0);
  expect(more).toBeGreaterThan(25 * layerBytes);
  expect((large?.peakRssBytes ?? 0) - (small?.peakRssBytes ?? 0)).toBeLessThan(0.4 * more);
});
