/** Inspection of real models. */
import { expect, test } from "vitest";
import { fixturePath } from "../../scripts/fixtures.ts";
import { inspect } from "../src/inspect.ts";

test("a .tflite is shown as it is", async () => {
  const found = await inspect(await fixturePath("rnet"));
  expect(found).toMatchObject({ format: "tflite", bytes: 407_808 });
  expect(found.inputs).toEqual([
    { name: "rnet/input", dtype: "float32", shape: [1, 24, 24, 3], scale: null, zeroPoint: null, sourceAxes: null },
  ]);
  expect(found.operators.CONV_2D).toEqual({ count: 3, version: 1 });
  expect(found.signatures[0]?.outputs).toEqual(["rnet/prob1", "rnet/conv5-2/conv5-2"]);
  expect(found.constants.float32?.count).toBeGreaterThan(5);
  expect(found.arenaBytes).toBeGreaterThan(24 * 24 * 3 * 4);
  expect(found.graph).toContain("CONV_2D");
  expect(JSON.parse(JSON.stringify(found))).toEqual(found);
});

test("a LayersModel is shown as the graph that it becomes", async () => {
  const found = await inspect(await fixturePath("digits-layers"));
  expect(found).toMatchObject({ format: "tfjs-layers", bytes: null, parameters: 1_199_882, transposes: 0 });
  expect(found.operators).toMatchObject({ CONV_2D: { count: 2 }, SOFTMAX: { count: 1 } });
});
