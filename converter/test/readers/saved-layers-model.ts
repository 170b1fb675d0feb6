/** tfjs-layers models as a saved folder would hold them, for tests: built in place, weights seeded, saved through an IOHandler. */
import "@tensorflow/tfjs-backend-cpu";
import { FlotillaError } from "@flotilla/protocol/errors";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type FileSource, memorySource } from "../../src/readers/file-source.ts";

/** Numbers in [-1, 1) that are the same everywhere (Numerical Recipes' LCG). */
export function seededValues(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Gives every weight seeded values; variances come out positive. */
export function seedWeights(model: LayersModel, seed = 1): LayersModel {
  const values = model.weights.map((weight, index) => {
    const shape = weight.shape.map((size) => size ?? 1);
    const raw = seededValues(tf.util.sizeFromShape(shape), seed + index);
    const scaled = weight.name.includes("variance") ? raw.map((v) => Math.abs(v) + 0.1) : raw.map((v) => v * 0.5);
    return tf.tensor(scaled, shape);
  });
  model.setWeights(values);
  return model;
}

/** What `model.save` would have written. */
export async function savedModel(
  model: LayersModel,
  change: (json: SavedJson) => unknown = () => {},
): Promise<FileSource> {
  return memorySource(await savedFiles(model, change), "saved model");
}

export interface SavedJson {
  format: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests break these documents in every way
  modelTopology: any;
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: string }[] }[];
}

export async function savedFiles(
  model: LayersModel,
  change: (json: SavedJson) => unknown = () => {},
): Promise<Record<string, Uint8Array | string>> {
  const saved: tf.io.ModelArtifacts[] = [];
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      saved.push(artifacts);
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } });
    }),
  );
  const [artifacts] = saved;
  if (!artifacts?.weightSpecs) throw new FlotillaError("INTERNAL", "tfjs saved nothing.");
  const json: SavedJson = structuredClone({
    format: "layers-model",
    modelTopology: artifacts.modelTopology,
    weightsManifest: [{ paths: ["weights.bin"], weights: artifacts.weightSpecs }],
  });
  change(json);
  const data = artifacts.weightData;
  const weights = data instanceof ArrayBuffer ? data : new ArrayBuffer(0);
  return { "model.json": JSON.stringify(json), "weights.bin": new Uint8Array(weights) };
}

/** The model's own answer to inputs given in the order of its inputs. */
export function predict(model: LayersModel, inputs: readonly Float32Array[], shapes: readonly (readonly number[])[]) {
  const tensors = inputs.map((values, index) =>
    tf.tensor(values, [...(shapes[index] ?? [])], model.inputs[index]?.dtype),
  );
  const [first] = tensors;
  const result = model.predict(tensors.length === 1 && first ? first : tensors);
  return (Array.isArray(result) ? result : [result]).map((tensor) => Float32Array.from(tensor.dataSync()));
}
