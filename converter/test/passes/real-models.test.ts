/**
 * Real models through reader and passes: what is left of them, operator by operator, and parity against the source's own
 * runtime: tfjs-layers for LayersModels, the original file for `.tflite`.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { fixtureFolder, fixturePath } from "../../../scripts/fixtures.ts";
import type { Model } from "../../src/ir/graph.ts";
import { runPasses } from "../../src/passes/pipeline.ts";
import { ParityMeter } from "../../src/prove/parity.ts";
import { folderSource } from "../../src/readers/folder-source.ts";
import { openTfjsLayers } from "../../src/readers/tfjs-layers/container.ts";
import { lowerTfjsLayers } from "../../src/readers/tfjs-layers/read-tfjs-layers.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { createTfjsLayersRuntime } from "../../src/runtimes/tfjs-layers.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { seededValues } from "../readers/saved-layers-model.ts";
import { runInFixedBuild, runSamplesInRuntimes } from "../run-tflite.ts";

const samples = 4;

/** Kind, with what is fused into it → how many. */
function operatorCounts(model: Model): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, attributes } of model.graphs.flatMap(({ nodes }) => nodes)) {
    const fused = attributes.fusedActivationFunction ?? "NONE";
    const name = fused === "NONE" ? kind : `${kind} ${fused}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Inputs as images have them: values from 0 to 1. */
function seededSamples(model: Model): Float32Array[][] {
  const [graph] = model.graphs;
  const sizes = graph!.inputs.map((id) => graph!.tensors.get(id)!.shape.reduce((product, size) => product * size, 1));
  return Array.from({ length: samples }, (_, sample) =>
    sizes.map((count, input) => seededValues(count, 900 + 10 * sample + input).map((value) => (value + 1) / 2)),
  );
}

function maxRel(source: readonly Float32Array[][], variant: readonly Float32Array[][]): number {
  const meter = new ParityMeter(source[0]!.map((_, index) => ({ name: `output ${index}`, integer: false })));
  source.forEach((outputs, sample) => {
    meter.add(outputs.map((values, index) => ({ source: values, variant: variant[sample]![index]! })));
  });
  return meter.report("source").maxRel;
}

describe("LayersModels", () => {
  it.each([
    {
      name: "digits-layers",
      bound: 1e-5,
      counts: {
        "CONV_2D RELU": 2,
        MAX_POOL_2D: 1,
        "FULLY_CONNECTED RELU": 1,
        FULLY_CONNECTED: 1,
        SOFTMAX: 1,
      },
    },
    {
      name: "mobilenet-v2-5class",
      bound: 1e-4,
      // 52 batch norms are folded, 5 paddings are SAME now, 2 dropouts are gone.
      counts: {
        "CONV_2D RELU6": 18,
        "DEPTHWISE_CONV_2D RELU6": 17,
        CONV_2D: 17,
        ADD: 10,
        AVERAGE_POOL_2D: 1,
        "FULLY_CONNECTED RELU": 2,
        FULLY_CONNECTED: 1,
        SOFTMAX: 1,
      },
    },
  ])("$name", async ({ name, bound, counts }) => {
    const container = await openTfjsLayers(folderSource(await fixtureFolder(name)));
    const model = runPasses(lowerTfjsLayers(container));
    expect(operatorCounts(model)).toEqual(counts);

    const source = await createTfjsLayersRuntime().load(container.artifacts());
    const [{ inputs: ends, outputs } = { inputs: [], outputs: [] }] = model.signatures;
    // The runtime and the reader know inputs and outputs by the same names.
    expect(source.inputs.map((input) => input.name)).toEqual(ends.map((end) => end.name));
    expect(source.outputs.map((output) => output.name)).toEqual(outputs.map((end) => end.name));
    const inputs = seededSamples(model);
    const shape = model.graphs[0]!.tensors.get(ends[0]!.tensor)!.shape;
    const expected: Float32Array[][] = [];
    for (const [values] of inputs) {
      const found = await source.run(new Map([[ends[0]!.name, { dtype: "float32", shape, data: values! }]]));
      expected.push([...found.values()].map(({ data }) => Float32Array.from(data as Float32Array))); // float32 models
    }
    source.close();
    for (const { runtime, samples: found } of await runSamplesInRuntimes(writeTflite(model), inputs)) {
      expect(maxRel(expected, found), runtime).toBeLessThanOrEqual(bound);
    }
  });
});

describe(".tflite files", () => {
  it.each([
    {
      name: "rnet",
      counts: { CONV_2D: 3, PRELU: 4, MAX_POOL_2D: 2, FULLY_CONNECTED: 3, SOFTMAX: 1 },
    },
    {
      name: "onet",
      counts: { CONV_2D: 4, PRELU: 5, MAX_POOL_2D: 3, FULLY_CONNECTED: 4, SOFTMAX: 1 },
    },
    {
      name: "mobilefacenet",
      counts: { CONV_2D: 35, PRELU: 33, DEPTHWISE_CONV_2D: 17, ADD: 12, RESHAPE: 1 },
    },
    {
      name: "hand-landmark-lite",
      // 102 DEQUANTIZEs of float16 constants are gone.
      counts: {
        "CONV_2D RELU6": 16,
        "DEPTHWISE_CONV_2D RELU6": 16,
        CONV_2D: 15,
        MAX_POOL_2D: 1,
        ADD: 10,
        MEAN: 1,
        FULLY_CONNECTED: 4,
        LOGISTIC: 2,
      },
    },
  ])("$name", async ({ name, counts }) => {
    const original = new Uint8Array(await readFile(await fixturePath(name)));
    const read = readTflite(original);
    const model = runPasses(read);
    expect(operatorCounts(model)).toEqual(counts);
    expect(model.signatures).toEqual(read.signatures);

    const inputs = seededSamples(model);
    const expected: Float32Array[][] = [];
    for (const sample of inputs) expected.push(await runInFixedBuild(original, sample));
    for (const { runtime, samples: found } of await runSamplesInRuntimes(writeTflite(model), inputs)) {
      expect(maxRel(expected, found), runtime).toBeLessThanOrEqual(1e-5);
    }
  });

  it("come to rest: what the passes made they do not touch again", async () => {
    const model = runPasses(readTflite(new Uint8Array(await readFile(await fixturePath("rnet")))));
    expect(runPasses(model)).toEqual(model);
    for (const [index, graph] of runPasses(model).graphs.entries()) expect(graph).toBe(model.graphs[index]);
  });
});
