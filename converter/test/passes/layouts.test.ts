/** Layout assignment on whole NCHW nets: how many transposes are left, and that the answers are the same. */
import { describe, expect, it } from "vitest";
import { elementCount, type Graph, tensorOf } from "../../src/ir/graph.ts";
import { permuteElements } from "../../src/ir/permute-elements.ts";
import { GraphRewrite } from "../../src/passes/graph-rewrite.ts";
import { chooseOrders } from "../../src/passes/layout/choose-orders.ts";
import { LayoutProblem } from "../../src/passes/layout/layout-problem.ts";
import { legalizeOperands } from "../../src/passes/legalize-operands.ts";
import { runPass, runPasses } from "../../src/passes/pipeline.ts";
import { splitBatchNorm } from "../../src/passes/split-batch-norm.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { seededValues } from "../readers/saved-layers-model.ts";
import { runInFixedBuild, runInRuntimes, worstRelative } from "../run-tflite.ts";
import { modelOf } from "./graph-sketch.ts";
import { layoutNets } from "./layout-nets.ts";
import { NchwSketch } from "./nchw-sketch.ts";

const transposes = (graph: Graph): number => graph.nodes.filter(({ kind }) => kind === "TRANSPOSE").length;

/** The values of a tensor with source axes, as its file has them. */
function asStored(values: Float32Array, shape: readonly number[], order: readonly number[] | undefined): Float32Array {
  if (!order) return values;
  return new Float32Array(permuteElements(new Uint8Array(values.buffer), shape, order).buffer);
}

describe.each(Object.entries(layoutNets))("%s", (_, { draw, kept, free }) => {
  const sketch = new NchwSketch();
  const before = sketch.graph(...[draw(sketch)].flat());
  const inputs = before.inputs.map((id, at) =>
    seededValues(elementCount(tensorOf(before, id).shape), 70 + at).map((value) => value * 2),
  );
  const shapeOf = (id: number) => before.tensors.get(before.outputs[id]!)?.shape ?? [];

  it.each([
    ["keep", kept],
    ["channels-last", free],
  ] as const)("%s: %i transposes", async (ioLayout, expected) => {
    const plain = runPass(runPass(before, splitBatchNorm, "imported"), legalizeOperands, "tflite");
    const wanted = await runInFixedBuild(writeTflite(modelOf(plain)), inputs);
    const [after] = runPasses(modelOf(before), { ioLayout }).graphs;
    expect(transposes(after!)).toBe(expected);
    const orders = (ids: Graph["inputs"]) => ids.map((id) => tensorOf(after!, id).sourceAxes);
    const stored = inputs.map((values, at) =>
      asStored(values, tensorOf(before, before.inputs[at]!).shape, orders(after!.inputs)[at]),
    );
    for (const { runtime, outputs } of await runInRuntimes(writeTflite(modelOf(after!)), stored)) {
      for (const [at, values] of outputs.entries()) {
        const truth = asStored(wanted[at]!, shapeOf(at), orders(after!.outputs)[at]);
        expect(worstRelative(truth, values), runtime).toBeLessThanOrEqual(5e-6);
      }
    }
    if (ioLayout === "keep")
      expect(orders([...after!.inputs, ...after!.outputs]).every((one) => one === undefined)).toBe(true);
  });
});

describe("work", () => {
  /** A chain of residual blocks, each of 7 nodes in NCHW besides its transposes. */
  const chain = (blocks: number): Graph => {
    const g = new NchwSketch();
    let x = g.conv(g.input(1, 4, 8, 8), 4, 4, { size: 1 });
    for (let block = 0; block < blocks; block++) {
      const y = g.relu(g.norm(g.conv(x, 4, 4, { size: 1 }), 4));
      x = g.relu(g.add(g.mul(y, g.sigmoid(y)), x));
    }
    return g.graph(x);
  };
  const asked = (graph: Graph): number => {
    const problem = new LayoutProblem(new GraphRewrite(graph), true);
    return chooseOrders(problem) / problem.variables.length;
  };

  it("grows with the nodes: proposals per node are few and do not rise", () => {
    const [short, long] = [asked(chain(20)), asked(chain(260))];
    expect(chain(260).nodes.length).toBeGreaterThan(3_000);
    expect(long).toBeLessThan(4);
    expect(long).toBeLessThan(short * 1.1);
  });

  it("leaves no transpose in a chain of 260 blocks", () => {
    expect(transposes(runPasses(modelOf(chain(260)), { ioLayout: "channels-last" }).graphs[0]!)).toBe(0);
  });
});
