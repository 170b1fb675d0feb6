/** Real `.tflite` files that add a constant, with goldens to match: for tests with real runtimes. */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { buildTinyModel } from "../runtimes/tiny-model.ts";
import { classCount } from "./scripted-runtime.ts";
import type { RealVariant } from "./tiny-fleet.ts";

/** out = in + constant. `padding` other bytes make the file larger. */
export function addingModel(constant: number): RealVariant {
  const shape = [1, classCount];
  const data = new Uint8Array(new Float32Array(classCount).fill(constant).buffer);
  const bytes = buildTinyModel({
    tensors: [
      { name: "image", type: "float32", shape },
      { name: "constant", type: "float32", shape, data },
      { name: "scores", type: "float32", shape },
    ],
    operators: [{ kind: "add", inputs: [0, 1], outputs: [2] }],
    inputs: [0],
    outputs: [2],
  });
  const inputs = Float32Array.from({ length: 8 * classCount }, (_, index) => ((index * 7) % 11) / 10);
  const stack = (values: Float32Array): NdArray => ({ dtype: "float32", shape: [8, classCount], data: values });
  const outputs = inputs.map((value) => value + constant);
  const golden = encodeNpz(
    new Map([
      ["input/image", stack(inputs)],
      ["source/scores", stack(outputs)],
      ["variant/scores", stack(outputs)],
    ]),
  );
  const runtimes = [
    { name: "litert", minVersion: "2.0" },
    { name: "tflite", minVersion: "0.0" },
  ];
  return { bytes, golden, runtimes, input: "image", output: "scores" };
}
