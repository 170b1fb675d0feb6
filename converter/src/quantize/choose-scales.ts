/**
 * Weight scales that clip where clipping costs less than coarse steps: of each channel's (or the whole weight's) candidate
 * scales the one whose errors, weighted by how strong the inputs are that they are multiplied with, are least. Weights of
 * channels that calibration never saw in use (batch normalization of a constant leaves huge ones) no longer set the scale.
 * Source of the weighting: Nagel et al. 2021, "A White Paper on Neural Network Quantization", section 4.4 (MSE ranges).
 * A function from (graph, powers, plan) to a better plan.
 */
import { type Graph, indexGraph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { inputChannelOf } from "./input-channels.ts";
import { FloatConstants, operandNamed, rolesOf } from "./operands.ts";
import type { NodePlan, OperandPlan, QuantizationPlan, WeightPlan } from "./plan.ts";
import { biasScale, guardedWeightScale } from "./scales.ts";
import { channelView } from "./weights.ts";

/** Shares of the largest magnitude: fine steps near the top, then by powers of √2 down to 1/256. */
const shares = [
  ...Array.from({ length: 20 }, (_, at) => 1 - at / 50),
  ...Array.from({ length: 14 }, (_, at) => 2 ** (-(at + 3) / 2)),
];

/** `powers`: for every run-time tensor the mean square of each channel of its last axis. */
export function chooseScales(
  graph: Graph,
  powers: ReadonlyMap<TensorId, Float64Array>,
  plan: QuantizationPlan,
): QuantizationPlan {
  const constants = new FloatConstants(graph, indexGraph(graph));
  const nodes = plan.nodes.map((nodePlan, at): NodePlan => {
    const node = graph.nodes[at];
    const definition = node && opOf(node.kind);
    if (nodePlan.mode === "untouched" || !nodePlan.operands || !definition) return nodePlan;
    const operands = [...nodePlan.operands];
    for (const [position, role] of rolesOf(definition, node).entries()) {
      const operand = operands[position];
      const planned = operand?.use === "dequantized" ? operand.stored : operand;
      const id = node.inputs[position];
      if (role?.role !== "weight" || role.channelAxis === null || typeof id !== "number") continue;
      if (typeof planned !== "object" || planned.use !== "weight" || !isCoarse(planned)) continue;
      const values = constants.read(id);
      const weights = importanceOf(graph, node, position, role.channelAxis, powers);
      if (!values || !weights) continue;
      const scales = leastErrorScales(values, tensorOf(graph, id).shape, planned, weights);
      const better: WeightPlan = { ...planned, scales };
      operands[position] = operand?.use === "dequantized" ? { ...operand, stored: better } : better;
    }
    settleBiases(node, constants, operands);
    return { ...nodePlan, operands };
  });
  return { ...plan, nodes };
}

/** int8 with a scale per channel has steps so fine that clipping gained nothing on the models measured. */
const isCoarse = ({ axis, dtype, blockSize }: WeightPlan): boolean =>
  (axis === null || dtype === "int4") && blockSize === undefined;

/** (memory index of a weight) → mean square of what it multiplies. */
function importanceOf(
  graph: Graph,
  node: Node,
  position: number,
  axis: number,
  powers: ReadonlyMap<TensorId, Float64Array>,
): ((channel: number, index: number) => number) | null {
  const declared = opOf(node.kind)?.operands.find((operand) => operand.role === "bias");
  const definition = opOf(node.kind);
  if (declared?.role !== "bias" || !definition) return null;
  const input = node.inputs[operandNamed(definition, node, declared.of[0])];
  const power = typeof input === "number" ? powers.get(input) : undefined;
  const { shape } = tensorOf(graph, node.inputs[position] ?? (-1 as TensorId));
  const inputOf = power && inputChannelOf(shape, axis, channelView(shape, axis), power.length);
  if (!power || !inputOf) return null;
  const view = channelView(shape, axis);
  return (_, index) => power[inputOf(Math.floor(index / view.inner) % view.channels, index)] ?? 0;
}

function leastErrorScales(
  values: Float32Array,
  shape: readonly number[],
  { axis, scales, dtype }: WeightPlan,
  importance: (channel: number, index: number) => number,
): number[] {
  const view = channelView(shape, axis);
  const limit = dtype === "int4" ? 7 : 127;
  return scales.map((scale, channel) => {
    let best = scale;
    let bestError = Number.POSITIVE_INFINITY;
    for (const share of shares) {
      const candidate = Math.fround(scale * share);
      const inverse = 1 / candidate;
      if (!Number.isFinite(inverse)) continue;
      let error = 0;
      for (let outer = 0; outer < view.outer && error < bestError; outer++) {
        const start = (outer * view.channels + channel) * view.inner;
        for (let index = start; index < start + view.inner; index++) {
          const value = values[index] ?? 0;
          const rounded = Math.min(Math.max(Math.round(value * inverse), -limit), limit);
          const off = value - rounded * candidate;
          error += off * off * importance(channel, index);
        }
      }
      if (error < bestError) [best, bestError] = [candidate, error];
    }
    return best;
  });
}

/** A bias's scales follow from its weight's, and a large bias widens them again. */
function settleBiases(node: Node, constants: FloatConstants, operands: OperandPlan[]): void {
  const definition = opOf(node.kind);
  if (!definition) return;
  for (const [position, role] of rolesOf(definition, node).entries()) {
    const bias = operands[position];
    const id = node.inputs[position];
    if (role?.role !== "bias" || bias?.use !== "bias" || typeof id !== "number") continue;
    const [inputAt, weightAt] = role.of.map((name) => operandNamed(definition, node, name));
    const [input, weight] = [operands[inputAt ?? -1], operands[weightAt ?? -1]];
    if ((input?.use !== "activation" && input?.use !== "constant") || weight?.use !== "weight") continue;
    const inputScale = input.parameters.scale;
    const values = constants.read(id) ?? new Float32Array();
    const largest = values.reduce((bound, value) => Math.max(bound, Math.abs(value)), 0);
    const scales = weight.scales.map((scale, channel) =>
      guardedWeightScale(
        scale,
        inputScale,
        weight.scales.length === 1 ? largest : (values[channel] ?? 0),
        bias.dtype === "int64" ? 48 : 32,
      ),
    );
    operands[weightAt ?? -1] = { ...weight, scales };
    operands[position] = { ...bias, scales: scales.map((scale) => biasScale(inputScale, scale)) };
  }
}
