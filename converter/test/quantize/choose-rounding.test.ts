/** Rounding by data: rows are cut as the kernels cut them, and results come nearer to the float ones than by nearest rounding. */
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { describe, expect, test } from "vitest";
import { type Graph, tensorOf } from "../../src/ir/graph.ts";
import { float32ValuesOf } from "../../src/ir/values.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { depthwiseConv2d } from "../../src/ops/depthwise-conv-2d.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { chooseRounding } from "../../src/quantize/choose-rounding.ts";
import { inputPatches } from "../../src/quantize/input-patches.ts";
import type { QuantizationPlan, WeightPlan } from "../../src/quantize/plan.ts";
import type { SecondMoments } from "../../src/quantize/second-moments.ts";
import { channelView, quantizeWeights, weightScales } from "../../src/quantize/weights.ts";
import { gatherMoments } from "../../src/runtimes/gather-moments.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { GraphMaker, modelOf } from "./graphs.ts";

const runtime = createTfliteRuntime();
const wave = (count: number, step: number) =>
  Array.from({ length: count }, (_, at) => Math.fround(Math.sin(1 + at * step)));

/** Neighbouring values resemble each other, as in images: what one weight gets wrong another can make good. */
const samplesOf = (shape: readonly number[]) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: 12 }, (_, at) => [
    { dtype: "float32" as const, shape, data: Float32Array.from(wave(count, 0.05 + at / 40), (value) => value + 0.5) },
  ]);
};

const cases: { name: string; input: readonly number[]; graph: () => Graph }[] = [
  {
    name: "CONV_2D with strides and dilation",
    input: [1, 9, 8, 3],
    graph: () => {
      const make = new GraphMaker();
      const inputs = [
        make.input("x", [1, 9, 8, 3]),
        make.floats("w", [5, 3, 2, 3], wave(90, 1.7)),
        make.floats("b", [5], wave(5, 1)),
      ];
      const attributes = { padding: "SAME", strideH: 2, strideW: 1, dilationWFactor: 1, dilationHFactor: 1 };
      return make.graph(make.op(conv2d, "y", inputs, { shape: [1, 5, 8, 5], attributes }));
    },
  },
  {
    name: "DEPTHWISE_CONV_2D with a multiplier, VALID",
    input: [1, 7, 7, 3],
    graph: () => {
      const make = new GraphMaker();
      const inputs = [
        make.input("x", [1, 7, 7, 3]),
        make.floats("w", [1, 3, 3, 6], wave(54, 1.7)),
        make.floats("b", [6], wave(6, 1)),
      ];
      const attributes = { padding: "VALID", depthMultiplier: 2 };
      return make.graph(make.op(depthwiseConv2d, "y", inputs, { shape: [1, 5, 5, 6], attributes }));
    },
  },
  {
    name: "FULLY_CONNECTED",
    input: [4, 16],
    graph: () => {
      const make = new GraphMaker();
      const inputs = [
        make.input("x", [4, 16]),
        make.floats("w", [7, 16], wave(112, 1.7)),
        make.floats("b", [7], wave(7, 1)),
      ];
      return make.graph(make.op(fullyConnected, "y", inputs, { shape: [4, 7] }));
    },
  },
];

async function momentsOf(graph: Graph, input: readonly number[]): Promise<ReadonlyMap<number, SecondMoments>> {
  const samples = samplesOf(input);
  const found = new Map<number, SecondMoments>();
  await gatherMoments({
    model: modelOf(graph),
    runtime,
    samples: { count: samples.length, sample: (at) => Promise.resolve(samples[at]!) },
    nodes: [0],
    take: (moments) => {
      for (const [node, one] of moments) found.set(node, one);
    },
  });
  return found;
}

/** The plan of coarse weights (int4), where rounding matters, as a float node that unpacks them. */
function coarsePlan(graph: Graph): QuantizationPlan {
  const [node] = graph.nodes;
  const patches = inputPatches(graph, node!)!;
  const weight = tensorOf(graph, node!.inputs[1]!);
  const axis = weight.shape.length === 4 && weight.shape[0] === 1 ? 3 : 0;
  const values = float32ValuesOf(weight.constant!.bytes());
  const scales = weightScales(values, channelView(weight.shape, axis)).map((scale) => (scale * 127) / 7);
  const stored: WeightPlan = { use: "weight", axis, scales, dtype: "int4" };
  const operands = node!.inputs.map((_, at) =>
    at === patches.weightAt ? { use: "dequantized" as const, stored } : { use: "as-is" as const },
  );
  return {
    graph: graph.name,
    io: "float32",
    tensors: [],
    nodes: [{ node: node!.name, operator: node!.kind, mode: "float", precision: "int4-weights", reason: "", operands }],
  };
}

/** The graph with its weights replaced by what integers stand for. */
async function answersWith(graph: Graph, input: readonly number[], weights: Float32Array): Promise<number[]> {
  const [node] = graph.nodes;
  const id = node!.inputs[1]!;
  const bytes = new Uint8Array(weights.buffer.slice(0));
  const tensors = new Map(graph.tensors);
  tensors.set(id, { ...tensorOf(graph, id), constant: { byteLength: bytes.length, bytes: () => bytes } });
  const loaded = await runtime.load(writeTflite(modelOf({ ...graph, tensors })));
  const results: number[] = [];
  for (const sample of samplesOf(input))
    for (const { data } of await loaded.run(sample)) results.push(...Array.from(data, Number));
  loaded.close();
  return results;
}

const distance = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0);

describe("rounding by data", () => {
  for (const { name, input, graph: make } of cases) {
    test(`${name}: rows are those of the kernel, and the error is at most half of nearest rounding's`, async () => {
      const graph = make();
      const [node] = graph.nodes;
      const weight = tensorOf(graph, node!.inputs[1]!);
      const floats = float32ValuesOf(weight.constant!.bytes());
      const plan = chooseRounding(graph, await momentsOf(graph, input), coarsePlan(graph));
      const [planned] = plan.nodes;
      const operand = planned?.mode === "float" ? planned.operands?.[1] : undefined;
      if (operand?.use !== "dequantized" || operand.stored === "float16") throw new Error("no weight plan");
      const { scales, axis, values } = operand.stored;
      const view = channelView(weight.shape, axis);
      const chosen = values!();
      expect(Math.max(...chosen.map(Math.abs))).toBeLessThanOrEqual(7);
      const nearest = quantizeWeights(floats, view, scales);
      expect(chosen).not.toEqual(nearest);
      const channelOf = (at: number) => Math.floor(at / view.inner) % view.channels;
      const reals = (integers: Int8Array) => Float32Array.from(integers, (value, at) => value * scales[channelOf(at)]!);
      const exact = await answersWith(graph, input, floats);
      const byData = distance(exact, await answersWith(graph, input, reals(chosen)));
      const byNearest = distance(exact, await answersWith(graph, input, reals(nearest)));
      expect(byData).toBeLessThan(byNearest / 2);
    });
  }
});
