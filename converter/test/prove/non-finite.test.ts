/** Answers that prove nothing: counted, and refused where they are most of an output; through `convert` as well. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../src/convert.ts";
import { log } from "../../src/ops/log.ts";
import { maximum } from "../../src/ops/maximum.ts";
import { nonFiniteOutputs } from "../../src/prove/non-finite.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { temporaryFolder } from "../convert/temporary.ts";
import { GraphSketch, modelOf } from "../passes/graph-sketch.ts";

const answer = (...values: number[]) => [
  { dtype: "float32" as const, shape: [values.length], data: Float32Array.from(values) },
];

describe("answers that are not finite", () => {
  it("are counted over all samples", () => {
    expect(nonFiniteOutputs([{ name: "y" }], [answer(1, 2), answer(3, Number.NaN)])).toEqual([
      { output: "y", share: 0.25 },
    ]);
    expect(nonFiniteOutputs([{ name: "y" }], [answer(1, 2)])).toEqual([]);
  });

  it("are none in integers", () => {
    expect(nonFiniteOutputs([{ name: "y" }], [[{ dtype: "int32", shape: [1], data: Int32Array.of(7) }]])).toEqual([]);
  });

  it("are no proof where they are most of an output", () => {
    const half = [answer(1, Number.POSITIVE_INFINITY)];
    expect(nonFiniteOutputs([{ name: "y" }], half)).toEqual([{ output: "y", share: 0.5 }]);
    expect(() => nonFiniteOutputs([{ name: "y" }], [answer(Number.NaN, Number.NaN, 1)])).toThrowError(
      expect.objectContaining({ code: "PROOF_UNAVAILABLE", details: { output: "y", share: 2 / 3 } }),
    );
  });
});

describe("a logarithm of random samples", () => {
  const converted = async (floor: number | null) => {
    const folder = await temporaryFolder();
    const sketch = new GraphSketch();
    const x = sketch.input(1, 64);
    const y = sketch.emit(log, [floor === null ? x : sketch.emit(maximum, [x, sketch.floats([], [floor])])]);
    const model = join(folder, "model.tflite");
    await writeFile(model, writeTflite(modelOf(sketch.graph(y))));
    const result = await convert({ model, output: join(folder, "out"), name: "log" });
    const [variant] = result.variants;
    return {
      parity: variant?.parity,
      record: await readFile(join(folder, "out", "log-float32.conversion.json"), "utf8"),
    };
  };

  it("is listed where less than half of it is not finite, and recorded", async () => {
    const { parity, record } = await converted(0);
    expect(parity?.nonFinite?.[0]?.share).toBeGreaterThan(0.4);
    expect(record).toContain("nonFinite");
  });

  it("is not listed where all is finite", async () => {
    expect((await converted(0.1)).parity).not.toHaveProperty("nonFinite");
  });
});
