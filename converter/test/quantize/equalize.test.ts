/** Equalization and bias absorption: the fixed runtime computes the same before and after, and channels come out even. */
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { describe, expect, test } from "vitest";
import { type Graph, tensorOf } from "../../src/ir/graph.ts";
import { float32ValuesOf } from "../../src/ir/values.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { depthwiseConv2d } from "../../src/ops/depthwise-conv-2d.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { absorbBiases, equalize } from "../../src/quantize/equalize.ts";
import type { Observation } from "../../src/quantize/observers.ts";
import { calibrate } from "../../src/runtimes/calibrate.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { GraphMaker, modelOf } from "./graphs.ts";

const runtime = createTfliteRuntime();
const wave = (count: number, step: number, size = 1) =>
  Array.from({ length: count }, (_, at) => Math.fround(size * Math.sin(1 + at * step)));
const samples = Array.from({ length: 4 }, (_, at) => ({
  dtype: "float32" as const,
  shape: [1, 5, 5, 3],
  data: Float32Array.from(wave(75, 0.31 + at)),
}));

/** conv → depthwise → conv, channel c of the first being about 10^c as large as it need be. */
function uneven(activation: string): Graph {
  const make = new GraphMaker();
  const x = make.input("x", [1, 5, 5, 3]);
  const sizes = [0.02, 0.3, 4, 0.1];
  const filter = sizes.flatMap((size, at) => wave(27, 0.7 + at, size * 0.3));
  const first = make.op(conv2d, "first", [x, make.floats("w1", [4, 3, 3, 3], filter), make.floats("b1", [4], sizes)], {
    shape: [1, 5, 5, 4],
    attributes: { fusedActivationFunction: activation },
  });
  const depth = make.floats("w2", [1, 3, 3, 4], wave(36, 0.9));
  const second = make.op(depthwiseConv2d, "second", [first, depth, make.floats("b2", [4], wave(4, 2))], {
    shape: [1, 5, 5, 4],
    attributes: { fusedActivationFunction: activation },
  });
  const last = make.op(
    conv2d,
    "last",
    [second, make.floats("w3", [2, 1, 1, 4], wave(8, 1.3)), make.floats("b3", [2], [0, 1])],
    {
      shape: [1, 5, 5, 2],
    },
  );
  return make.graph(last);
}

const observed = (graph: Graph): Promise<ReadonlyMap<import("../../src/ir/graph.ts").TensorId, Observation>> =>
  calibrate({
    model: modelOf(graph),
    runtime,
    samples: { count: samples.length, sample: (at) => Promise.resolve([samples[at]!]) },
    histograms: false,
  });

async function answers(graph: Graph): Promise<number[]> {
  const loaded = await runtime.load(writeTflite(modelOf(graph)));
  try {
    const results: number[] = [];
    for (const sample of samples)
      for (const { data } of await loaded.run([sample])) results.push(...Array.from(data, Number));
    return results;
  } finally {
    loaded.close();
  }
}

const largestDifference = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, at) => Math.abs(value - b[at]!))) / Math.max(...a.map(Math.abs));

/** Largest magnitude of each channel of a weight, the largest over the smallest. */
function spread(graph: Graph, name: string, axis: number): number {
  const tensor = [...graph.tensors.values()].find((one) => one.name === name)!;
  const values = float32ValuesOf(tensor.constant!.bytes());
  const channels = tensor.shape[axis]!;
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const bounds = new Array<number>(channels).fill(0);
  for (const [at, value] of values.entries()) {
    const channel = Math.floor(at / inner) % channels;
    bounds[channel] = Math.max(bounds[channel]!, Math.abs(value));
  }
  return Math.max(...bounds) / Math.min(...bounds);
}

describe("equalization", () => {
  for (const activation of ["NONE", "RELU", "RELU6"]) {
    test(`computes the same through ${activation} and evens the channels`, async () => {
      const graph = uneven(activation);
      const even = equalize(graph, await observed(graph));
      expect(largestDifference(await answers(graph), await answers(even))).toBeLessThan(2e-6);
      expect(spread(graph, "w1", 0)).toBeGreaterThan(100);
      expect(spread(even, "w1", 0)).toBeLessThan(activation === "RELU6" ? 100 : 12);
    });
  }

  test("a channel that reaches its clamp keeps its scale, and without observations no clamp is touched", async () => {
    const graph = uneven("RELU6");
    const seen = await observed(graph);
    const first = graph.nodes[0]!.outputs[0]!;
    const atClamp = [...seen.get(first)!.channelMaxes].map((largest) => largest >= 6);
    expect(atClamp).toContain(true);
    const before = float32ValuesOf(tensorOf(graph, graph.nodes[0]!.inputs[1]!).constant!.bytes());
    const even = equalize(graph, seen);
    const after = float32ValuesOf(tensorOf(even, even.nodes[0]!.inputs[1]!).constant!.bytes());
    for (const [channel, clamped] of atClamp.entries()) {
      if (clamped)
        expect(after.slice(channel * 27, channel * 27 + 27)).toEqual(before.slice(channel * 27, channel * 27 + 27));
    }
    expect(equalize(graph, new Map())).toBe(graph);
  });

  test("a value that others read too is left alone", async () => {
    const make = new GraphMaker();
    const x = make.input("x", [1, 3]);
    const first = make.op(
      fullyConnected,
      "a",
      [x, make.floats("w1", [3, 3], wave(9, 1)), make.floats("b1", [3], [0, 0, 0])],
      { shape: [1, 3] },
    );
    const second = make.op(fullyConnected, "b", [first, make.floats("w2", [2, 3], wave(6, 2)), null], {
      shape: [1, 2],
    });
    const graph = make.graph(second, first);
    expect(equalize(graph, new Map())).toBe(graph);
  });

  test("what every value of a ReLU exceeds goes on into the next bias", async () => {
    const make = new GraphMaker();
    const x = make.input("x", [1, 5, 5, 3]);
    const first = make.op(
      conv2d,
      "first",
      [x, make.floats("w1", [2, 1, 1, 3], wave(6, 1, 0.2)), make.floats("b1", [2], [20, 0.1])],
      {
        shape: [1, 5, 5, 2],
        attributes: { fusedActivationFunction: "RELU" },
      },
    );
    const second = make.op(
      conv2d,
      "second",
      [first, make.floats("w2", [2, 1, 1, 2], wave(4, 2)), make.floats("b2", [2], [1, 2])],
      { shape: [1, 5, 5, 2] },
    );
    const graph = make.graph(second);
    const seen = await observed(graph);
    const absorbed = absorbBiases(graph, seen);
    expect(largestDifference(await answers(graph), await answers(absorbed))).toBeLessThan(2e-6);
    const after = await observed(absorbed);
    const width = (all: typeof seen) => all.get(graph.nodes[0]!.outputs[0]!)!.max;
    expect(width(after)).toBeLessThan(width(seen) / 10);
  });
});
