/** Trains a model, quantizes it to int8 on its own data, runs the file: `node examples/quantize-own-model.ts [FOLDER]`. */
import { mkdir, writeFile } from "node:fs/promises";
import { convert } from "@flotilla/converter/convert";
import { runModel } from "@flotilla/converter/run-model";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { layers, sequential } from "@tensorflow/tfjs-layers";

const [folder = "try/circle"] = process.argv.slice(2);
await mkdir(folder, { recursive: true });

// A model of one's own: does a point lie inside a circle?
const points = Array.from({ length: 500 }, (_, at) => [Math.sin(at * at), Math.cos(at * at * at)] as const);
const inside = points.map(([x, y]) => (Math.hypot(x, y) < 0.8 ? 1 : 0));
const model = sequential();
model.add(layers.dense({ units: 24, activation: "relu", inputShape: [2], name: "point" }));
model.add(layers.dense({ units: 2, activation: "softmax", name: "inside" }));
model.compile({ optimizer: tf.train.adam(0.05), loss: "sparseCategoricalCrossentropy" });
await model.fit(tf.tensor2d(points.flat(), [500, 2]), tf.tensor1d(inside), { epochs: 40, verbose: 0 });

// Saved as tfjs saves it: model.json and its weights.
const save = async ({ modelTopology, weightSpecs = [], weightData }: tf.io.ModelArtifacts) => {
  const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }];
  const json = JSON.stringify({ format: "layers-model", modelTopology, weightsManifest });
  await writeFile(`${folder}/model.json`, json);
  await writeFile(`${folder}/weights.bin`, new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
  return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } as const };
};
await model.save(tf.io.withSaveHandler(save));

// Samples by input name, with the right answers, to calibrate and to measure on. Then the proven int8 file.
const samples = points.map((point, at) => ({ [model.inputNames[0]!]: point, label: inside[at] }));
await writeFile(`${folder}/points.json`, JSON.stringify(samples));
const data = { path: `${folder}/points.json` };
const made = await convert({ model: folder, output: folder, recipes: ["int8"], calibration: data, evaluate: data });
for (const { file, bytes, accuracy, proven } of made.variants) {
  console.log(JSON.stringify({ file, bytes, accuracy, proven, run: await runModel({ model: file, data: data.path }) }));
}
