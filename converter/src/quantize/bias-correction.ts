/**
 * Analytic bias correction: rounding a channel's weights shifts its mean output by Σ (W - Wq)·E[x]; with the means of
 * the inputs from calibration, that shift is taken out of the bias (Nagel et al. 2019, "Data-Free Quantization Through
 * Weight Equalization and Bias Correction", section 4.2, with measured instead of derived means).
 * A function from (graph, means, plan) to a better plan; roles and axes only.
 */
import { type Graph, indexGraph, type TensorId, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { inputChannelOf } from "./input-channels.ts";
import { FloatConstants, operandNamed, rolesOf } from "./operands.ts";
import { isInteger, type NodePlan, type QuantizationPlan, type WeightPlan } from "./plan.ts";
import { channelView, forEachElement, quantizeWeights } from "./weights.ts";

/** `means`: for every run-time tensor the mean of each channel of its last axis. */
export function correctBiases(
  graph: Graph,
  means: ReadonlyMap<TensorId, Float64Array>,
  plan: QuantizationPlan,
): QuantizationPlan {
  const constants = new FloatConstants(graph, indexGraph(graph));
  const nodes = plan.nodes.map((nodePlan, at): NodePlan => {
    const node = graph.nodes[at];
    const definition = node && opOf(node.kind);
    if (!isInteger(nodePlan) || !definition) return nodePlan;
    const operands = [...nodePlan.operands];
    for (const [position, role] of rolesOf(definition, node).entries()) {
      const biasPlan = operands[position];
      if (role?.role !== "bias" || biasPlan?.use !== "bias") continue;
      const [inputAt, weightAt] = role.of.map((name) => operandNamed(definition, node, name));
      const weightPlan = operands[weightAt ?? -1];
      const weightId = node.inputs[weightAt ?? -1];
      const inputMeans = means.get(node.inputs[inputAt ?? -1] ?? (-1 as TensorId));
      const weightRole = definition.operands[weightAt ?? -1];
      const axis = weightRole?.role === "weight" ? weightRole.channelAxis : null;
      if (weightPlan?.use !== "weight" || typeof weightId !== "number" || axis === null || !inputMeans) continue;
      const values = constants.read(weightId);
      if (!values) continue;
      const shape = tensorOf(graph, weightId).shape;
      const correction = meanShift(values, shape, axis, weightPlan, inputMeans);
      if (correction) operands[position] = { ...biasPlan, correction };
    }
    return { ...nodePlan, operands };
  });
  return { ...plan, nodes };
}

/** Σ (W - Wq)·E[x] per output channel; null where the weight's axes do not line up with the input's channels. */
function meanShift(
  values: Float32Array,
  shape: readonly number[],
  axis: number,
  plan: WeightPlan,
  inputMeans: Float64Array,
): number[] | null {
  const view = channelView(shape, axis);
  const quantized = plan.values?.() ?? quantizeWeights(values, channelView(shape, plan.axis), plan.scales);
  const scaleOf = (channel: number) => plan.scales[plan.axis === null ? 0 : channel] ?? 0;
  const shift = new Array<number>(view.channels).fill(0);
  const inputOf = inputChannelOf(shape, axis, view, inputMeans.length);
  if (!inputOf) return null;
  forEachElement(view, (channel, index) => {
    const error = (values[index] ?? 0) - (quantized[index] ?? 0) * scaleOf(channel);
    shift[channel] = (shift[channel] ?? 0) + error * (inputMeans[inputOf(channel, index)] ?? 0);
  });
  return shift;
}
