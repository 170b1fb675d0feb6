/** A tfjs-layers model run by tfjs itself, and saved, read, rewritten, written as .tflite and run by the runtimes. */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { expect } from "vitest";
import { runPasses } from "../../src/passes/pipeline.ts";
import { readTfjsLayers } from "../../src/readers/tfjs-layers/read-tfjs-layers.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { runInRuntimes, worstRelative } from "../run-tflite.ts";
import { predict, type SavedJson, savedModel, seededValues } from "./saved-layers-model.ts";

/** The worst relative difference over all outputs, by runtime. `change` edits what tfjs saved before it is read. */
export async function comparedWithTfjs(
  model: LayersModel,
  change?: (json: SavedJson) => unknown,
): Promise<Record<string, number>> {
  const bytes = writeTflite(runPasses(await readTfjsLayers(await savedModel(model, change))));
  const shapes = model.inputs.map(({ shape }) => shape.map((size) => size ?? 1));
  const inputs = shapes.map((shape, index) =>
    seededValues(
      shape.reduce((p, s) => p * s, 1),
      77 + index,
    ),
  );
  const expected = predict(model, inputs, shapes);
  const found = await runInRuntimes(bytes, inputs);
  return Object.fromEntries(
    found.map(({ runtime, outputs }) => {
      expect(outputs.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
      return [runtime, Math.max(...expected.map((values, index) => worstRelative(values, outputs[index]!)))];
    }),
  );
}
