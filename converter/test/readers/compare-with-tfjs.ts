/** A tfjs-layers model run by tfjs itself, and saved, read, rewritten, written as .tflite and run by the runtimes. */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { expect } from "vitest";
import { runPasses } from "../../src/passes/pipeline.ts";
import { readTfjsLayers } from "../../src/readers/tfjs-layers/read-tfjs-layers.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { runInRuntimes, worstRelative } from "../run-tflite.ts";
import { predict, type SavedJson, savedModel, seededValues } from "./saved-layers-model.ts";

export interface ComparisonOptions {
  /** Edits what tfjs saved before it is read. */
  readonly change?: (json: SavedJson) => unknown;
  /** Inputs are whole numbers from 0 to 9, not from -1 to 1. */
  readonly integers?: boolean;
}

/** The worst relative difference over all outputs, by runtime. */
export async function comparedWithTfjs(
  model: LayersModel,
  { change, integers = false }: ComparisonOptions = {},
): Promise<Record<string, number>> {
  const bytes = writeTflite(runPasses(await readTfjsLayers(await savedModel(model, change))));
  const shapes = model.inputs.map(({ shape }) => shape.map((size) => size ?? 1));
  const inputs = shapes.map((shape, index) => {
    const count = shape.reduce((p, s) => p * s, 1);
    const values = seededValues(count, 77 + index);
    return integers ? values.map((value) => Math.floor((value + 1) * 5)) : values;
  });
  const expected = predict(model, inputs, shapes);
  const found = await runInRuntimes(bytes, inputs);
  return Object.fromEntries(
    found.map(({ runtime, outputs }) => {
      expect(outputs.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
      return [runtime, Math.max(...expected.map((values, index) => worstRelative(values, outputs[index]!)))];
    }),
  );
}
