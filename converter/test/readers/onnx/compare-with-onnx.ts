/** A model in onnxruntime-web and, converted, in the runtimes of devices. */

import type { NdArray } from "@flotilla/protocol/nd-array";
import { runPasses } from "../../../src/passes/pipeline.ts";
import { memorySource } from "../../../src/readers/file-source.ts";
import { openOnnx } from "../../../src/readers/onnx/container.ts";
import { lowerOnnx } from "../../../src/readers/onnx/read-onnx.ts";
import { createOnnxRuntime } from "../../../src/runtimes/onnx.ts";
import { writeTflite } from "../../../src/writers/tflite/write-tflite.ts";
import { runInRuntimes, worstRelative } from "../../run-tflite.ts";
import { seededValues } from "../saved-layers-model.ts";
import { type ModelSketch, onnxModel } from "./onnx-encoder.ts";

export const readOnnx = async (sketch: ModelSketch) =>
  lowerOnnx(await openOnnx(memorySource({ "model.onnx": onnxModel(sketch) }), "model.onnx"));

/** The worst relative difference over all outputs, by runtime. Inputs are float32, symbolic sizes 1. */
export async function comparedWithOnnx(sketch: ModelSketch): Promise<Record<string, number>> {
  const bytes = onnxModel(sketch);
  const graph = await readOnnx(sketch);
  const shapes = (sketch.inputs ?? []).map(({ name, shape }) => ({
    name,
    shape: shape.map((size) => (typeof size === "number" ? size : 1)),
  }));
  const inputs = shapes.map(({ shape }, at) =>
    seededValues(
      shape.reduce((p, s) => p * s, 1),
      31 + at,
    ),
  );
  const source = await createOnnxRuntime().load({ bytes, external: [] });
  try {
    const expected = await source.run(
      new Map(
        shapes.map(({ name, shape }, at): [string, NdArray] => [name, { dtype: "float32", shape, data: inputs[at]! }]),
      ),
    );
    const found = await runInRuntimes(writeTflite(runPasses(graph)), inputs);
    return Object.fromEntries(
      found.map(({ runtime, outputs }) => [
        runtime,
        Math.max(
          ...[...expected.values()].map(({ data }, at) => {
            const answers = outputs[at]!;
            if (!(data instanceof Float32Array) || data.length !== answers.length) return Number.POSITIVE_INFINITY;
            return worstRelative(data, answers);
          }),
        ),
      ]),
    );
  } finally {
    source.close();
  }
}
