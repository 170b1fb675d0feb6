/** Files whose constants lie behind the flatbuffer, as files beyond 2 GB have them; here with the border drawn lower. */
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { describe, expect, test } from "vitest";
import { joinPieces } from "../../src/codecs/join-pieces.ts";
import { GraphDraft, type Model } from "../../src/ir/graph.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { planTflite } from "../../src/writers/tflite/write-tflite.ts";

/** Three dense layers of 8 units with biases; two share one weight matrix by value. */
function dense(): Model {
  const draft = new GraphDraft();
  const ramp = (count: number, step: number) =>
    bytesOf(
      "float32",
      Array.from({ length: count }, (_, i) => Math.sin(i * step)),
    );
  let x = draft.addTensor({ name: "x", dtype: "float32", shape: [1, 8] });
  draft.inputs.push(x);
  for (const [i, step] of [0.1, 0.2, 0.1].entries()) {
    const weights = draft.addConstant(`w${i}`, "float32", [8, 8], ramp(64, step));
    const bias = draft.addConstant(`b${i}`, "float32", [8], ramp(8, i + 1));
    const y = draft.addTensor({ name: `y${i}`, dtype: "float32", shape: [1, 8] });
    draft.addNode(fullyConnected.node({ name: `y${i}`, inputs: [x, weights, bias], outputs: [y] }));
    x = y;
  }
  draft.outputs.push(x);
  const graph = draft.freeze();
  const ends = (ids: typeof graph.inputs) => ids.map((tensor) => ({ name: `end ${tensor}`, tensor }));
  const signature = { key: "serving_default", graph: 0, inputs: ends(graph.inputs), outputs: ends(graph.outputs) };
  return {
    description: "",
    graphs: [graph],
    signatures: [signature],
    metadata: [{ name: "own", bytes: Uint8Array.of(7) }],
  };
}

const model = dense();
const [inside, behind] = [planTflite(model), planTflite(model, { largestFlatbuffer: 0 })];
const bytes = joinPieces(behind.byteLength, behind.pieces());

describe("constants behind the flatbuffer", () => {
  test("come back as the same model, and shared ones lie there once", () => {
    expect(modelDifference(model, readTflite(inside.bytes()))).toBeNull();
    expect(modelDifference(model, readTflite(bytes))).toBeNull();
    const whole = [...bytes].join();
    const first = [
      ...bytesOf(
        "float32",
        Array.from({ length: 64 }, (_, i) => Math.sin(i * 0.1)),
      ),
    ].join();
    expect(whole.split(first).length - 1).toBe(1);
  });

  test("each at a multiple of 16, none reaching beyond the file, zeros at its end", () => {
    expect([...bytes.subarray(-16)].every((byte) => byte === 0)).toBe(true);
    const start = bytes.byteLength - 16;
    expect(start % 16).toBe(0);
  });

  test("a file that ends too early is refused", () => {
    expect(() => readTflite(bytes.subarray(0, -400))).toThrowError(
      expect.objectContaining({ code: "FORMAT_TRUNCATED" }),
    );
  });

  test("run in LiteRT as those inside do", async () => {
    const runtime = createLitertRuntime({ build: "wasm-simd" });
    const sample = { dtype: "float32" as const, shape: [1, 8], data: Float32Array.from([1, -2, 3, 0.5, 0, 2, -1, 4]) };
    const results = [];
    for (const file of [inside.bytes(), bytes]) {
      const loaded = await runtime.load(file);
      results.push(await loaded.run([sample]));
      loaded.close();
    }
    expect(results[1]).toEqual(results[0]);
  });
});
