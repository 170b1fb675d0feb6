/**
 * Single operators, quantized by the planner, in both runtimes: every int8 output within one unit of the formula,
 * worked out in float64 from the very integers that the file holds (LiteRT quantization spec: real = (q - z) · s).
 */
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { describe, expect, test } from "vitest";
import { type Graph, type Tensor, type TensorId, tensorOf } from "../../src/ir/graph.ts";
import { valuesOf } from "../../src/ir/values.ts";
import { add } from "../../src/ops/add.ts";
import { averagePool2d } from "../../src/ops/average-pool-2d.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { depthwiseConv2d } from "../../src/ops/depthwise-conv-2d.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { mul } from "../../src/ops/mul.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { applyPlan } from "../../src/quantize/apply.ts";
import { assignAll } from "../../src/quantize/assignment.ts";
import { planQuantization } from "../../src/quantize/plan-quantization.ts";
import { quantizeInt8 } from "../../src/quantize/scales.ts";
import { limitsOf } from "../../src/runtime-target.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { GraphMaker, modelOf } from "./graphs.ts";

const runtimes = [createLitertRuntime(), createTfliteRuntime()];
const wave = (count: number, step: number) =>
  Array.from({ length: count }, (_, at) => Math.fround(Math.sin(at * step)));

interface Case {
  readonly name: string;
  readonly graph: () => GraphMaker;
  /** Real outputs from the real inputs (dequantized), by the operator's definition. */
  readonly formula: (inputs: readonly (readonly number[])[]) => number[];
}

const clampAt = (low: number, high: number) => (value: number) => Math.min(Math.max(value, low), high);

/** 3x3 convolution over [1, 5, 5, 2] with SAME padding. */
const convolve = (
  x: readonly number[],
  pick: (o: number, ky: number, kx: number, i: number) => number,
  b: readonly number[],
  depthwise: boolean,
) => {
  const result: number[] = [];
  for (let y = 0; y < 5; y++) {
    for (let column = 0; column < 5; column++) {
      for (let o = 0; o < b.length; o++) {
        let sum = b[o] ?? 0;
        for (let ky = 0; ky < 3; ky++) {
          for (let kx = 0; kx < 3; kx++) {
            const [row, at] = [y + ky - 1, column + kx - 1];
            if (row < 0 || row > 4 || at < 0 || at > 4) continue;
            for (const i of depthwise ? [o] : [0, 1]) sum += (x[(row * 5 + at) * 2 + i] ?? 0) * pick(o, ky, kx, i);
          }
        }
        result.push(sum);
      }
    }
  }
  return result;
};

const cases: readonly Case[] = [
  {
    name: "FULLY_CONNECTED",
    graph: () => {
      const g = new GraphMaker();
      const x = g.input("x", [1, 16], [-1, 1]);
      const w = g.floats("w", [4, 16], wave(64, 0.7));
      g.graph(
        g.op(fullyConnected, "y", [x, w, g.floats("b", [4], [0.5, -0.5, 3, 0])], { shape: [1, 4], range: [-4, 6] }),
      );
      return g;
    },
    formula: ([x = [], w = [], b = []]) =>
      b.map((bias, o) => x.reduce((sum, value, i) => sum + value * (w[o * 16 + i] ?? 0), bias)),
  },
  {
    name: "CONV_2D with RELU6",
    graph: () => {
      const g = new GraphMaker();
      const x = g.input("x", [1, 5, 5, 2], [-1, 1]);
      const parts = [x, g.floats("w", [3, 3, 3, 2], wave(54, 0.9)), g.floats("b", [3], [0.1, 2, -1])];
      const attributes = { padding: "SAME", fusedActivationFunction: "RELU6" };
      g.graph(g.op(conv2d, "y", parts, { shape: [1, 5, 5, 3], range: [0, 6], attributes }));
      return g;
    },
    formula: ([x = [], w = [], b = []]) =>
      convolve(x, (o, ky, kx, i) => w[((o * 3 + ky) * 3 + kx) * 2 + i] ?? 0, b, false).map(clampAt(0, 6)),
  },
  {
    name: "DEPTHWISE_CONV_2D",
    graph: () => {
      const g = new GraphMaker();
      const x = g.input("x", [1, 5, 5, 2], [-1, 1]);
      const parts = [x, g.floats("w", [1, 3, 3, 2], wave(18, 1.3)), g.floats("b", [2], [0.25, -0.5])];
      g.graph(
        g.op(depthwiseConv2d, "y", parts, {
          shape: [1, 5, 5, 2],
          range: [-4, 4],
          attributes: { padding: "SAME", depthMultiplier: 1 },
        }),
      );
      return g;
    },
    formula: ([x = [], w = [], b = []]) => convolve(x, (o, ky, kx) => w[(ky * 3 + kx) * 2 + o] ?? 0, b, true),
  },
  {
    name: "ADD of two ranges",
    graph: () => {
      const g = new GraphMaker();
      const [a, b] = [g.input("a", [1, 32], [-1, 1]), g.input("b", [1, 32], [-8, 3])];
      g.graph(g.op(add, "y", [a, b], { shape: [1, 32], range: [-9, 4] }));
      return g;
    },
    formula: ([a = [], b = []]) => a.map((value, at) => value + (b[at] ?? 0)),
  },
  {
    name: "MUL by a constant",
    graph: () => {
      const g = new GraphMaker();
      const x = g.input("x", [1, 32], [-1, 1]);
      g.graph(g.op(mul, "y", [x, g.floats("c", [32], wave(32, 0.3))], { shape: [1, 32], range: [-1, 1] }));
      return g;
    },
    formula: ([x = [], c = []]) => x.map((value, at) => value * (c[at] ?? 0)),
  },
  {
    name: "AVERAGE_POOL_2D",
    graph: () => {
      const g = new GraphMaker();
      const x = g.input("x", [1, 4, 4, 1], [-1, 1]);
      const attributes = { padding: "VALID", strideH: 2, strideW: 2, filterHeight: 2, filterWidth: 2 };
      g.graph(g.op(averagePool2d, "y", [x], { shape: [1, 2, 2, 1], range: [-1, 1], attributes }));
      return g;
    },
    formula: ([x = []]) =>
      [0, 2, 8, 10].map((at) => ((x[at] ?? 0) + (x[at + 1] ?? 0) + (x[at + 4] ?? 0) + (x[at + 5] ?? 0)) / 4),
  },
  {
    name: "SOFTMAX",
    graph: () => {
      const g = new GraphMaker();
      g.graph(g.op(softmax, "y", [g.input("x", [1, 10], [-4, 4])], { shape: [1, 10], range: [0, 1] }));
      return g;
    },
    formula: ([x = []]) => {
      const powers = x.map(Math.exp);
      const total = powers.reduce((sum, power) => sum + power, 0);
      return powers.map((power) => power / total);
    },
  },
];

const tensors = (graph: Graph, ids: readonly (TensorId | null)[]) =>
  ids.flatMap((id) => (id === null ? [] : [tensorOf(graph, id)]));

/** The real values of quantized integers, per tensor or per channel of the first or last axis. */
function reals({ quantization, shape }: Tensor, integers: ArrayLike<number>): number[] {
  const { scales = [1], zeroPoints = [0], axis = 0 } = quantization ?? {};
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  return Array.from(integers, (q, at) => {
    const channel = scales.length === 1 ? 0 : Math.floor(at / inner) % scales.length;
    return (q - (zeroPoints[channel] ?? 0)) * (scales[channel] ?? 1);
  });
}

describe.each(runtimes.map((runtime) => [runtime.name, runtime] as const))("%s", (_, runtime) => {
  test.each(cases.map((one) => [one.name, one] as const))("%s is within one unit of its formula", async (_, one) => {
    const maker = one.graph();
    const float = maker.draft.freeze();
    const { model } = applyPlan(
      modelOf(float),
      planQuantization({
        graph: float,
        assignment: assignAll(float, "int8"),
        ranges: maker.ranges,
        io: "int8",
        limits: limitsOf(),
      }),
    );
    const [graph] = model.graphs;
    const [node] = graph?.nodes ?? [];
    if (!graph || !node || graph.nodes.length !== 1) throw new Error("expected one int8 operator and nothing else");
    const given = graph.inputs.map((id, place) => {
      const { shape } = tensorOf(graph, id);
      const count = shape.reduce((product, size) => product * size, 1);
      return {
        dtype: "int8" as const,
        shape,
        data: Int8Array.from({ length: count }, (_, at) => ((at * 89 + place * 31) % 255) - 127),
      };
    });
    const operands = tensors(graph, node.inputs).map((tensor) => {
      const place = graph.inputs.indexOf(tensor.id);
      const integers = tensor.constant ? valuesOf(tensor.dtype, tensor.constant.bytes()) : (given[place]?.data ?? []);
      return reals(tensor, integers);
    });
    const [output] = tensors(graph, graph.outputs);
    const [scale = 1] = output?.quantization?.scales ?? [];
    const [zeroPoint = 0] = output?.quantization?.zeroPoints ?? [];
    const expected = one.formula(operands).map((value) => quantizeInt8(value, { scale, zeroPoint }));
    const loaded = await runtime.load(writeTflite(model));
    const [found] = await loaded.run(given);
    loaded.close();
    const worst = Math.max(...expected.map((value, at) => Math.abs(value - Number(found?.data[at]))));
    expect(found?.data).toHaveLength(expected.length);
    expect(worst).toBeLessThanOrEqual(1);
    expect(new Set(expected).size).toBeGreaterThan(1);
  });
});
