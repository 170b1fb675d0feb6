/** Scales by data: weights that calibration never saw in use do not set the scale of the others, and biases follow. */
import { describe, expect, test } from "vitest";
import type { TensorId } from "../../src/ir/graph.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { assignAll } from "../../src/quantize/assignment.ts";
import { chooseScales } from "../../src/quantize/choose-scales.ts";
import type { QuantizationPlan } from "../../src/quantize/plan.ts";
import { planQuantization } from "../../src/quantize/plan-quantization.ts";
import type { Precision } from "../../src/quantize/precision.ts";
import { limitsOf } from "../../src/runtime-target.ts";
import { GraphMaker } from "./graphs.ts";

/** Two input channels; the weights of the second are a hundred times as large. */
function planOf(precision: Precision) {
  const make = new GraphMaker();
  const x = make.input("x", [1, 4, 4, 2], [-1, 1]);
  const weights = [0.5, 80, -0.3, 90, 0.21, -70];
  const y = make.op(conv2d, "y", [x, make.floats("w", [3, 1, 1, 2], weights), make.floats("b", [3], [0.1, 0.2, 0.3])], {
    shape: [1, 4, 4, 3],
    range: [-2, 2],
  });
  const graph = make.graph(y);
  const assignment = assignAll(graph, precision);
  return {
    graph,
    x,
    plan: planQuantization({ graph, assignment, ranges: make.ranges, io: "float32", limits: limitsOf() }),
  };
}

const weightOf = (plan: QuantizationPlan) => {
  const [node] = plan.nodes;
  const operand = node?.mode === "int8" ? node.operands[1] : undefined;
  return operand?.use === "weight" ? operand : undefined;
};
const biasOf = (plan: QuantizationPlan) => {
  const [node] = plan.nodes;
  const operand = node?.mode === "int8" ? node.operands[2] : undefined;
  return operand?.use === "bias" ? operand : undefined;
};

describe("weight scales by data", () => {
  test("a channel that was never in use does not set the scale; the bias's scale follows", () => {
    const { graph, x, plan } = planOf("int8-per-tensor");
    const better = chooseScales(graph, new Map<TensorId, Float64Array>([[x, Float64Array.of(1, 0)]]), plan);
    expect(weightOf(plan)?.scales[0]).toBeCloseTo(90 / 127, 5);
    expect(weightOf(better)?.scales[0]).toBeLessThan(0.02);
    const ratio = (one: QuantizationPlan) => (biasOf(one)?.scales[0] ?? 0) / (weightOf(one)?.scales[0] ?? 1);
    expect(ratio(better)).toBeCloseTo(ratio(plan), 6);
  });

  test("where all channels are in use, large weights are not clipped away", () => {
    const { graph, x, plan } = planOf("int8-per-tensor");
    const better = chooseScales(graph, new Map<TensorId, Float64Array>([[x, Float64Array.of(1, 1)]]), plan);
    expect(weightOf(better)?.scales[0]).toBeGreaterThan(0.6 * (weightOf(plan)?.scales[0] ?? 0));
  });

  test("per-channel int8 stays as planned, and so does what was not observed", () => {
    const channels = planOf("int8");
    const powers = new Map<TensorId, Float64Array>([[channels.x, Float64Array.of(1, 0)]]);
    expect(weightOf(chooseScales(channels.graph, powers, channels.plan))).toEqual(weightOf(channels.plan));
    const whole = planOf("int8-per-tensor");
    expect(weightOf(chooseScales(whole.graph, new Map(), whole.plan))).toEqual(weightOf(whole.plan));
  });
});
