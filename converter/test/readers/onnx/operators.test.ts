/** Every case gives what onnxruntime-web gives, in both runtimes of devices, within the bound of float32 parity. */
import { describe, expect, it } from "vitest";
import { comparedWithOnnx } from "./compare-with-onnx.ts";
import { operatorCases } from "./operator-cases.ts";

describe("ONNX operators against onnxruntime-web", () => {
  it.each(Object.entries(operatorCases))("%s", async (_, sketch) => {
    for (const [runtime, apart] of Object.entries(await comparedWithOnnx(sketch))) {
      expect(apart, runtime).toBeLessThanOrEqual(1e-4);
    }
  });
});
