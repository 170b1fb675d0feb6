/** onnxruntime-web behind the port of source runtimes: names, dtypes, external data, any batch, words of refusal. */
import { describe, expect, it } from "vitest";
import { createOnnxRuntime } from "../../src/runtimes/onnx.ts";
import { onnxModel } from "../readers/onnx/onnx-encoder.ts";

const runtime = createOnnxRuntime();

describe("onnxruntime-web", () => {
  it("takes and gives int64 as int32, and a batch of any size", async () => {
    const bytes = onnxModel({
      inputs: [{ name: "ids", type: "int64", shape: ["batch", 2] }],
      outputs: [{ name: "sum", type: "int64", shape: ["batch", 2] }],
      nodes: [{ op: "Add", inputs: ["ids", "ids"], outputs: ["sum"] }],
    });
    const model = await runtime.load({ bytes, external: [] });
    expect(model.inputs).toEqual([{ name: "ids", dtype: "int32", shape: [-1, 2] }]);
    const ids = { dtype: "int32" as const, shape: [3, 2], data: Int32Array.of(1, 2, 3, 4, 5, -6) };
    const results = await model.run(new Map([["ids", ids]]));
    expect(results.get("sum")).toEqual({ dtype: "int32", shape: [3, 2], data: Int32Array.of(2, 4, 6, 8, 10, -12) });
    model.close();
    await expect(model.run(new Map([["ids", ids]]))).rejects.toMatchObject({ code: "UNSUPPORTED_RUNTIME" });
  });

  it("takes files of external data", async () => {
    const bytes = onnxModel({
      inputs: [{ name: "x", shape: [2] }],
      outputs: [{ name: "y", shape: [2] }],
      initializers: [{ name: "w", shape: [2], external: { location: "w.bin" } }],
      nodes: [{ op: "Mul", inputs: ["x", "w"], outputs: ["y"] }],
    });
    const external = [{ path: "w.bin", bytes: new Uint8Array(Float32Array.of(2, 3).buffer) }];
    const model = await runtime.load({ bytes, external });
    const x = { dtype: "float32" as const, shape: [2], data: Float32Array.of(5, 7) };
    expect((await model.run(new Map([["x", x]]))).get("y")?.data).toEqual(Float32Array.of(10, 21));
    await expect(model.run(new Map())).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    model.close();
  });

  it("says in its own words why it cannot load a model", async () => {
    await expect(runtime.load({ bytes: new Uint8Array([8, 8, 1]), external: [] })).rejects.toMatchObject({
      code: "UNSUPPORTED_RUNTIME",
    });
  });
});
