import { describe, expect, it } from "vitest";
import { differenceFromTfjs } from "./compare-graph.ts";
import { GraphSketch } from "./graph-sketch.ts";
import { operatorCases } from "./operator-cases.ts";

describe("TensorFlow operators, against tfjs-converter", () => {
  it.each(operatorCases)("%s", async (_, build) => {
    const graph = new GraphSketch();
    const built = build(graph);
    expect(await differenceFromTfjs(graph.files(Array.isArray(built) ? built : [built]))).toBeLessThan(1e-5);
  });
});
