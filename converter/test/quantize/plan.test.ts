/** Plans for small graphs: which scales are shared, where values are requantized, what stays float and why. */
import { describe, expect, test } from "vitest";
import { add } from "../../src/ops/add.ts";
import { concatenation } from "../../src/ops/concatenation.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { div } from "../../src/ops/div.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { logistic } from "../../src/ops/logistic.ts";
import { maxPool2d } from "../../src/ops/max-pool-2d.ts";
import { relu } from "../../src/ops/relu.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { applyPlan } from "../../src/quantize/apply.ts";
import { assignAll } from "../../src/quantize/assignment.ts";
import { floatOperatorsOf, type QuantizationPlan } from "../../src/quantize/plan.ts";
import { planQuantization } from "../../src/quantize/plan-quantization.ts";
import type { IoDType } from "../../src/quantize/recipe.ts";
import { int8Parameters } from "../../src/quantize/scales.ts";
import { limitsOf } from "../../src/runtime-target.ts";
import { GraphMaker, modelOf } from "./graphs.ts";

const kinds = (maker: GraphMaker, plan: QuantizationPlan, graph = maker.draft.freeze()) => {
  const { model } = applyPlan(modelOf(graph), plan);
  const [made] = model.graphs;
  if (!made) return [];
  verifyGraph(made, "tflite");
  return made.nodes.map((node) => node.kind);
};
const planOf = (maker: GraphMaker, io: IoDType = "float32") => {
  const graph = maker.draft.freeze();
  return planQuantization({
    graph,
    assignment: assignAll(graph, "int8"),
    ranges: maker.ranges,
    io,
    limits: limitsOf(),
  });
};
const parametersOf = (plan: QuantizationPlan, name: string) =>
  plan.tensors.find((tensor) => tensor.name === name)?.parameters;

describe("shared scales", () => {
  test("a reshape has its operand's scale, the union of both ranges", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-1, 1]);
    const r = g.op(relu, "r", [x], { shape: [1, 4], range: [0, 1] });
    g.graph(
      g.op(reshape, "y", [r, g.ints("shape", [2], [2, 2])], {
        shape: [2, 2],
        range: [0, 1],
        attributes: { newShape: [2, 2] },
      }),
    );
    const plan = planOf(g);
    expect(parametersOf(plan, "y")).toEqual(parametersOf(plan, "r"));
    expect(parametersOf(plan, "y")).toEqual(int8Parameters({ min: 0, max: 1 }));
    expect(kinds(g, plan)).toEqual(["QUANTIZE", "RELU", "RESHAPE", "DEQUANTIZE"]);
  });

  test("a concatenation of similar ranges joins them", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-1, 1]);
    const a = g.op(relu, "a", [x], { shape: [1, 4], range: [0, 1] });
    const b = g.op(relu, "b", [x], { shape: [1, 4], range: [0, 1.5] });
    const c = g.op(concatenation, "c", [a, b], { shape: [1, 8], range: [0, 1.5], attributes: { axis: 1 } });
    g.graph(c, g.op(relu, "d", [a], { shape: [1, 4], range: [0, 1] }));
    const plan = planOf(g);
    expect(parametersOf(plan, "a")).toEqual(int8Parameters({ min: 0, max: 1.5 }));
    expect(parametersOf(plan, "b")).toEqual(parametersOf(plan, "a"));
    expect(kinds(g, plan).filter((kind) => kind === "QUANTIZE")).toHaveLength(1);
  });

  test("a narrow tensor that others read too keeps its scale and is requantized for the wide concatenation", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-1, 1]);
    const a = g.op(relu, "a", [x], { shape: [1, 4], range: [0, 1] });
    const b = g.op(relu, "b", [x], { shape: [1, 4], range: [0, 100] });
    const c = g.op(concatenation, "c", [a, b], { shape: [1, 8], range: [0, 100], attributes: { axis: 1 } });
    g.graph(c, g.op(relu, "d", [a], { shape: [1, 4], range: [0, 1] }));
    const plan = planOf(g);
    expect(parametersOf(plan, "a")).toEqual(int8Parameters({ min: 0, max: 1 }));
    expect(parametersOf(plan, "c")).toEqual(int8Parameters({ min: 0, max: 100 }));
    expect(kinds(g, plan)).toEqual([
      "QUANTIZE", "RELU", "RELU", "QUANTIZE", "CONCATENATION", "RELU", "DEQUANTIZE", "DEQUANTIZE",
    ]); // biome-ignore format: in order
  });

  test("softmax has its fixed scale; a concatenation with a wide value requantizes it", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-8, 8]);
    const s = g.op(softmax, "s", [x], { shape: [1, 4], range: [0, 1] });
    g.graph(g.op(concatenation, "c", [s, x], { shape: [1, 8], range: [-8, 8], attributes: { axis: 1 } }));
    const plan = planOf(g);
    expect(parametersOf(plan, "s")).toEqual({ scale: 1 / 256, zeroPoint: -128 });
    expect(parametersOf(plan, "c")).toEqual(int8Parameters({ min: -8, max: 8 }));
    expect(kinds(g, plan)).toEqual(["QUANTIZE", "SOFTMAX", "QUANTIZE", "CONCATENATION", "DEQUANTIZE"]);
  });

  test("a fixed scale passes through operators that keep scales", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4, 4, 1], [-8, 8]);
    const s = g.op(logistic, "s", [x], { shape: [1, 4, 4, 1], range: [0.001, 0.999] });
    const pool = { padding: "VALID", strideH: 2, strideW: 2, filterHeight: 2, filterWidth: 2 };
    g.graph(g.op(maxPool2d, "p", [s], { shape: [1, 2, 2, 1], range: [0.2, 0.999], attributes: pool }));
    expect(parametersOf(planOf(g), "p")).toEqual({ scale: 1 / 256, zeroPoint: -128 });
  });
});

describe("float islands", () => {
  const withDiv = () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [1, 2]);
    const a = g.op(relu, "a", [x], { shape: [1, 4], range: [1, 2] });
    const d = g.op(div, "d", [a, x], { shape: [1, 4], range: [0.5, 2] });
    g.graph(g.op(relu, "y", [d], { shape: [1, 4], range: [0.5, 2] }));
    return g;
  };

  test("an operator without an int8 kernel stays float, with its reason", () => {
    const g = withDiv();
    const plan = planOf(g);
    expect(floatOperatorsOf(plan)).toEqual([{ node: "d", operator: "DIV", reason: "no int8 kernel" }]);
    expect(kinds(g, plan)).toEqual(["QUANTIZE", "RELU", "DEQUANTIZE", "DIV", "QUANTIZE", "RELU", "DEQUANTIZE"]);
  });

  test("with integer inputs the float operator gets the input dequantized", () => {
    const g = withDiv();
    expect(kinds(g, planOf(g, "int8"))).toEqual(["RELU", "DEQUANTIZE", "DEQUANTIZE", "DIV", "QUANTIZE", "RELU"]);
  });

  test("what only moves values between float operators stays float", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [1, 2]);
    const d = g.op(div, "d", [x, x], { shape: [1, 4], range: [1, 1] });
    const r = g.op(reshape, "r", [d, g.ints("shape", [2], [4, 1])], {
      shape: [4, 1],
      range: [1, 1],
      attributes: { newShape: [4, 1] },
    });
    g.graph(g.op(div, "e", [r, r], { shape: [4, 1], range: [1, 1] }));
    const plan = planOf(g);
    expect(floatOperatorsOf(plan).map(({ node }) => node)).toEqual(["d", "r", "e"]);
    expect(kinds(g, plan)).toEqual(["DIV", "RESHAPE", "DIV"]);
  });

  test("a range that is not finite is a reason", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [1, 2]);
    const a = g.op(relu, "a", [x], { shape: [1, 4] });
    g.graph(g.op(relu, "y", [a], { shape: [1, 4], range: [1, 2] }));
    const floats = floatOperatorsOf(planOf(g));
    expect(floats.map(({ node }) => node)).toEqual(["a", "y"]);
    expect(floats[0]?.reason).toContain("no finite range");
  });
});

describe("weights and biases", () => {
  const dense = (weights: number[], bias: number[]) => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 2], [-1, 1]);
    const w = g.floats("w", [2, 2], weights);
    const b = g.floats("b", [2], bias);
    g.graph(g.op(fullyConnected, "y", [x, w, b], { shape: [1, 2], range: [-4, 4] }));
    return g;
  };

  test("one scale per output channel, bias at s_in · s_w", () => {
    const plan = planOf(dense([127, -1, 0.5, 12.7], [1, 2]));
    const [node] = plan.nodes;
    if (node?.mode !== "int8") throw new Error("the node should run in int8");
    const input = int8Parameters({ min: -1, max: 1 }).scale;
    const scales = [1, Math.fround(Math.fround(12.7) / 127)];
    expect(node.operands[1]).toEqual({ use: "weight", axis: 0, scales });
    expect(node.operands[2]).toEqual({ use: "bias", scales: scales.map((scale) => Math.fround(input * scale)) });
  });

  test("a dead channel with a bias keeps the bias", () => {
    const g = dense([0, 0, 1, 1], [3, 0]);
    const { model } = applyPlan(modelOf(g.draft.freeze()), planOf(g));
    const [graph] = model.graphs;
    const bias = [...(graph?.tensors.values() ?? [])].find((tensor) => tensor.name === "b");
    const stored = new Int32Array(bias?.constant?.bytes().slice().buffer ?? new ArrayBuffer(0));
    expect((stored[0] ?? 0) * (bias?.quantization?.scales[0] ?? 0)).toBeCloseTo(3, 3);
  });

  test("constants that stand in for values are int8 per tensor", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-1, 1]);
    g.graph(g.op(add, "y", [x, g.floats("c", [4], [1, 2, 3, 4])], { shape: [1, 4], range: [0, 5] }));
    const [node] = planOf(g).nodes;
    if (node?.mode !== "int8") throw new Error("the node should run in int8");
    expect(node.operands[1]).toEqual({ use: "constant", parameters: int8Parameters({ min: 0, max: 4 }) });
  });

  test("weights computed at run time leave the operator float", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4, 4, 1], [-1, 1]);
    const w = g.input("w", [1, 3, 3, 1], [-1, 1]);
    const b = g.floats("b", [1], [0]);
    g.graph(g.op(conv2d, "y", [x, w, b], { shape: [1, 2, 2, 1], range: [-1, 1], attributes: { padding: "VALID" } }));
    expect(floatOperatorsOf(planOf(g))[0]?.reason).toContain("computed at run time");
  });
});

describe("inputs and outputs", () => {
  const small = () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-1, 1]);
    g.graph(g.op(relu, "y", [x], { shape: [1, 4], range: [0, 1] }));
    return g;
  };
  test.each([
    ["float32", ["QUANTIZE", "RELU", "DEQUANTIZE"], "float32", 0],
    ["int8", ["RELU"], "int8", 0],
    ["uint8", ["QUANTIZE", "RELU", "QUANTIZE"], "uint8", 128],
  ] as const)("%s", (io, expected, dtype, shift) => {
    const g = small();
    const plan = planOf(g, io);
    expect(kinds(g, plan)).toEqual(expected);
    const { model } = applyPlan(modelOf(g.draft.freeze()), plan);
    const [graph] = model.graphs;
    const input = graph?.tensors.get(graph.inputs[0] ?? (-1 as never));
    const output = graph?.tensors.get(graph.outputs[0] ?? (-1 as never));
    expect([input?.name, output?.name]).toEqual(["x", "y"]);
    expect([input?.dtype, output?.dtype]).toEqual([dtype, dtype]);
    const { scale, zeroPoint } = int8Parameters({ min: -1, max: 1 });
    if (io !== "float32")
      expect(input?.quantization).toMatchObject({ scales: [scale], zeroPoints: [zeroPoint + shift] });
    expect(model.signatures[0]?.inputs[0]?.tensor).toBe(graph?.inputs[0]);
    expect(model.signatures[0]?.outputs[0]?.tensor).toBe(graph?.outputs[0]);
  });

  test("an output without a finite range cannot become an integer", () => {
    const g = new GraphMaker();
    const x = g.input("x", [1, 4], [-1, 1]);
    g.graph(g.op(div, "y", [x, x], { shape: [1, 4] }));
    const plan = planOf(g, "int8");
    expect(() => applyPlan(modelOf(g.draft.freeze()), plan)).toThrowError(
      expect.objectContaining({ code: "QUANT_OPTION" }),
    );
  });

  test("a plan is plain data", () => {
    const plan = planOf(small());
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });
});
