/** Each pass alone: what it makes of graphs (golden text), that the result is the same in both runtimes, and what it leaves alone. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Graph } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/print.ts";
import { legalizeOperands } from "../../src/passes/legalize-operands.ts";
import { runPass, stages } from "../../src/passes/pipeline.ts";
import { removeDeadCode } from "../../src/passes/remove-dead-code.ts";
import { splitBatchNorm } from "../../src/passes/split-batch-norm.ts";
import { splitErf } from "../../src/passes/split-erf.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { seededValues } from "../readers/saved-layers-model.ts";
import { fixedBuild, litert, runInRuntimes, runSamplesInRuntimes, worstRelative } from "../run-tflite.ts";
import { modelOf } from "./graph-sketch.ts";
import { orderCases } from "./order-cases.ts";
import { passCases as basicCases, drawn } from "./pass-cases.ts";
import { patternCases } from "./pattern-cases.ts";

const passCases = [...basicCases, ...patternCases, ...orderCases];

/** A file of the graph: what no kernel knows as its definition, biases as kernels want them. */
const fileOf = (graph: Graph): Uint8Array => {
  const spelt = [removeDeadCode, splitErf, splitBatchNorm].reduce((g, pass) => runPass(g, pass, "imported"), graph);
  return writeTflite(modelOf(runPass(spelt, legalizeOperands, "tflite")));
};

describe.each(passCases)("$pass.name", ({ pass, phase, rewritten, untouched }) => {
  it.each(Object.entries(rewritten))("rewrites: %s", async (name, draw) => {
    const before = drawn(draw);
    const after = runPass(before, pass, phase);
    const golden = join(
      import.meta.dirname,
      "golden",
      `${pass.name}-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.txt`,
    );
    await expect(`${printGraph(before)}\n  ↓ ${pass.name}\n\n${printGraph(after)}`).toMatchFileSnapshot(golden);
    // Once is enough: what it made it does not touch again.
    expect(runPass(after, pass, phase)).toBe(after);

    const inputs = before.inputs.map((id, index) => {
      const sizes = before.tensors.get(id)?.shape ?? [];
      return seededValues(
        sizes.reduce((product, size) => product * size, 1),
        40 + index,
      ).map((value) => value * 4);
    });
    // The runtimes tell nothing of use about results of open sizes.
    const open = [...before.tensors.values()].some(({ shape }) => shape.includes(-1));
    // Nor has the fixed build a transpose of six axes.
    const wide = [...before.tensors.values()].some(({ shape }) => shape.length > 5);
    const [reference] = open
      ? []
      : await runSamplesInRuntimes(fileOf(before), [inputs], wide ? [litert] : [fixedBuild]);
    const expected = reference?.samples[0];
    for (const { runtime, outputs } of await runInRuntimes(fileOf(after), inputs)) {
      expect(outputs.length).toBe(before.outputs.length);
      for (const [i, values] of outputs.entries()) {
        expect(worstRelative(expected?.[i] ?? values, values), runtime).toBeLessThanOrEqual(2e-6);
      }
    }
  });

  it.each(Object.entries(untouched))("leaves alone: %s", (_, draw) => {
    const graph = drawn(draw);
    expect(runPass(graph, pass, phase)).toBe(graph);
  });
});

it("has cases for every pass of the pipeline, and a reason for every row", () => {
  const covered = new Set(passCases.map(({ pass }) => pass.name));
  const rows = stages.flatMap((stage) => stage.rows);
  // `remove-requantize` needs quantized graphs: its test is below.
  expect(rows.map(({ pass }) => pass.name).filter((name) => !covered.has(name))).toEqual(["remove-requantize"]);
  expect(rows.filter(({ reason }) => reason.length < 10)).toEqual([]);
});
