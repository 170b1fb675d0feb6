/**
 * Plans the weights and biases of one node that computes in integers. Weights first, since a bias's scales follow from
 * them; a large bias widens its channel's weight scale. Roles and axes only; no operator is named.
 */
import { type Graph, type Node, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { type FloatConstants, operandNamed, rolesOf } from "./operands.ts";
import type { OperandPlan } from "./plan.ts";
import { biasScale, guardedWeightScale } from "./scales.ts";
import { channelView, weightScales } from "./weights.ts";

/** The operands with their weights and biases planned; `activations` are those planned before. */
export function planWeights(
  { graph, constants }: { readonly graph: Graph; readonly constants: FloatConstants },
  node: Node,
  activations: readonly OperandPlan[],
  form: { readonly perTensor: boolean; readonly bias: "int32" | "int64" },
): OperandPlan[] {
  const definition = opOf(node.kind);
  const operands = [...activations];
  if (!definition) return operands;
  const roles = rolesOf(definition, node);
  for (const [position, role] of roles.entries()) {
    const id = node.inputs[position];
    if (role?.role !== "weight" || id === null || id === undefined) continue;
    const axis = form.perTensor ? null : role.channelAxis;
    const values = constants.read(id) ?? new Float32Array();
    operands[position] = {
      use: "weight",
      axis,
      scales: weightScales(values, channelView(tensorOf(graph, id).shape, axis)),
    };
  }
  const wide = form.bias === "int64";
  for (const [position, role] of roles.entries()) {
    const id = node.inputs[position];
    if (role?.role !== "bias" || id === null || id === undefined) continue;
    const [inputAt, weightAt] = role.of.map((name) => operandNamed(definition, node, name));
    const input = operands[inputAt ?? -1];
    const weights = operands[weightAt ?? -1];
    if (input?.use !== "activation" && input?.use !== "constant") continue;
    if (weights?.use !== "weight") continue;
    const values = constants.read(id) ?? new Float32Array();
    const inputScale = input.parameters.scale;
    const largest = (channel: number) =>
      weights.scales.length === 1
        ? values.reduce((bound, value) => Math.max(bound, Math.abs(value)), 0)
        : (values[channel] ?? 0);
    const scales = weights.scales.map((scale, channel) =>
      guardedWeightScale(scale, inputScale, largest(channel), wide ? 48 : 32),
    );
    operands[weightAt ?? -1] = { ...weights, scales };
    operands[position] = {
      use: "bias",
      scales: scales.map((scale) => biasScale(inputScale, scale)),
      ...(wide ? { dtype: "int64" } : {}),
    };
  }
  return operands;
}
