/**
 * Plans static int8: per tensor what its producer and each reader want, conflicts resolved by joining or requantizing.
 * Rules: LiteRT quantization spec (equal-scale, fixed-scale and free operators come from the operators' own facets).
 * Pure: thinks and returns a value, never edits the graph.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, indexGraph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import type { Op, OperandRole } from "../ops/define-op.ts";
import { opOf } from "../ops/registry.ts";
import { type EligibilityContext, judgeNodes, type Verdict } from "./eligibility.ts";
import { FloatConstants, operandNamed, resultRulesOf, rolesOf } from "./operands.ts";
import { ParameterGroups } from "./parameter-groups.ts";
import type { NodePlan, OperandPlan, QuantizationPlan, TensorPlan } from "./plan.ts";
import type { IoDType } from "./recipe.ts";
import { type AffineParameters, biasScale, guardedWeightScale, type Range } from "./scales.ts";
import { channelView, weightScales } from "./weights.ts";

export interface PlanRequest {
  readonly graph: Graph;
  /** Finite ranges of the run-time float tensors, from calibration. */
  readonly ranges: ReadonlyMap<TensorId, Range>;
  readonly io: IoDType;
}

interface PlanContext extends EligibilityContext {
  readonly groups: ParameterGroups;
  /** Run-time tensor → its member among the groups. */
  readonly tensorMembers: Map<TensorId, number>;
  /** "node:operand" → the member that the node reads it as, where that can differ from the tensor's own. */
  readonly readerMembers: Map<string, number>;
}

interface ReaderEdge {
  readonly tensor: TensorId;
  readonly reader: number;
  readonly key: string;
  readonly soleOperand: boolean;
}

export function planInt8({ graph, ranges, io }: PlanRequest): QuantizationPlan {
  const index = indexGraph(graph);
  const context: PlanContext = {
    graph,
    index,
    ranges,
    constants: new FloatConstants(graph, index),
    floatIo: io === "float32",
    groups: new ParameterGroups(),
    tensorMembers: new Map(),
    readerMembers: new Map(),
  };
  const verdicts = judgeNodes(context);
  addTensorMembers(context, verdicts);
  joinEqualScales(context, verdicts);
  const nodes = graph.nodes.map((node, at) => planNode(context, node, at, verdicts[at]));
  return { graph: graph.name, io, nodes, tensors: planTensors(context) };
}

/** Every float tensor that an int8 operator reads or writes, and graph inputs and outputs that become integers. */
function addTensorMembers(context: PlanContext, verdicts: readonly Verdict[]): void {
  const { graph, constants, ranges, tensorMembers, groups } = context;
  const add = (id: TensorId, fixed: AffineParameters | null = null) => {
    if (tensorMembers.has(id) || constants.has(id) || tensorOf(graph, id).dtype !== "float32") return;
    const range = ranges.get(id);
    if (range) tensorMembers.set(id, groups.add(range, fixed));
  };
  for (const [at, node] of graph.nodes.entries()) {
    if (verdicts[at]?.mode !== "int8") continue;
    const definition = definitionOf(node);
    for (const [position, rule] of resultRulesOf(definition, node).entries()) {
      const id = node.outputs[position];
      if (id === undefined || !rule || rule.rule === "none") continue;
      add(id, rule.rule === "fixed" ? { scale: rule.int8[0], zeroPoint: rule.int8[1] } : null);
    }
  }
  for (const [at, node] of graph.nodes.entries()) {
    if (verdicts[at]?.mode !== "int8") continue;
    for (const [position, role] of rolesOf(definitionOf(node), node).entries()) {
      const id = node.inputs[position];
      if (id !== null && id !== undefined && isActivation(role)) add(id);
    }
  }
  if (!context.floatIo) for (const id of [...graph.inputs, ...graph.outputs]) add(id);
}

function joinEqualScales(context: PlanContext, verdicts: readonly Verdict[]): void {
  const { graph, groups, tensorMembers, readerMembers } = context;
  const edges: ReaderEdge[] = [];
  for (const [at, node] of graph.nodes.entries()) {
    if (verdicts[at]?.mode !== "int8") continue;
    const definition = definitionOf(node);
    const roles = rolesOf(definition, node);
    for (const [position, rule] of resultRulesOf(definition, node).entries()) {
      if (rule?.rule !== "same-as") continue;
      const result = tensorMembers.get(node.outputs[position] ?? (-1 as TensorId));
      const operands = roles.flatMap((role, operand) => (sharesScale(rule.operand, role) ? [operand] : []));
      const variable = operands.filter((operand) => !isConstantOperand(context, node, operand));
      for (const operand of operands) {
        const id = node.inputs[operand];
        if (id === null || id === undefined) continue;
        const key = `${at}:${operand}`;
        let reader = readerMembers.get(key);
        if (reader === undefined) {
          reader = groups.add(isConstantOperand(context, node, operand) ? constantRange(context, id) : null);
          readerMembers.set(key, reader);
          if (tensorMembers.has(id)) edges.push({ tensor: id, reader, key, soleOperand: variable.length === 1 });
        }
        if (result !== undefined) groups.join(result, reader);
      }
    }
  }
  // Single-operand operators first: they leave no choice, and multi-operand ones then see the whole range.
  for (const edge of [...edges.filter((one) => one.soleOperand), ...edges.filter((one) => !one.soleOperand)]) {
    const tensor = tensorMembers.get(edge.tensor);
    if (tensor === undefined) continue;
    const soleReader = context.index.consumers(edge.tensor).length === 1 && !graph.outputs.includes(edge.tensor);
    if (groups.compatible(tensor, edge.reader, { soleReader, soleOperand: edge.soleOperand })) {
      groups.join(tensor, edge.reader);
    }
  }
}

function planNode(context: PlanContext, node: Node, at: number, verdict: Verdict | undefined): NodePlan {
  const head = { node: node.name, operator: node.kind };
  if (!verdict || verdict.mode === "untouched") return { ...head, mode: "untouched" };
  if (verdict.mode === "float") return { ...head, mode: "float", reason: verdict.reason };
  const definition = definitionOf(node);
  const roles = rolesOf(definition, node);
  const operands: OperandPlan[] = roles.map((role, position) => planActivation(context, node, at, position, role));
  planWeights(context, node, definition, roles, operands);
  const results = node.outputs.map((id) => {
    const member = context.tensorMembers.get(id);
    return member === undefined ? null : context.groups.parametersOf(member);
  });
  return { ...head, mode: "int8", operands, results };
}

function planActivation(
  context: PlanContext,
  node: Node,
  at: number,
  position: number,
  role: OperandRole | null,
): OperandPlan {
  const id = node.inputs[position];
  if (id === null || id === undefined || !isActivation(role)) return { use: "as-is" };
  const reader = context.readerMembers.get(`${at}:${position}`);
  if (context.constants.has(id)) {
    const member = reader ?? context.groups.add(constantRange(context, id));
    return { use: "constant", parameters: context.groups.parametersOf(member) };
  }
  const member = reader ?? context.tensorMembers.get(id);
  return member === undefined
    ? { use: "as-is" }
    : { use: "activation", parameters: context.groups.parametersOf(member) };
}

/** Weights first, since a bias's scales follow from them; a large bias widens its channel's weight scale. */
function planWeights(
  context: PlanContext,
  node: Node,
  definition: Op,
  roles: readonly (OperandRole | null)[],
  operands: OperandPlan[],
): void {
  for (const [position, role] of roles.entries()) {
    const id = node.inputs[position];
    if (role?.role !== "weight" || id === null || id === undefined) continue;
    const values = context.constants.read(id) ?? new Float32Array();
    const view = channelView(tensorOf(context.graph, id).shape, role.channelAxis);
    operands[position] = { use: "weight", axis: role.channelAxis, scales: weightScales(values, view) };
  }
  for (const [position, role] of roles.entries()) {
    const id = node.inputs[position];
    if (role?.role !== "bias" || id === null || id === undefined) continue;
    const [inputAt, weightAt] = role.of.map((name) => operandNamed(definition, node, name));
    const input = operands[inputAt ?? -1];
    const weights = operands[weightAt ?? -1];
    if (input?.use !== "activation" && input?.use !== "constant") continue;
    if (weights?.use !== "weight") continue;
    const values = context.constants.read(id) ?? new Float32Array();
    const inputScale = input.parameters.scale;
    const largest = (channel: number) =>
      weights.scales.length === 1
        ? values.reduce((bound, value) => Math.max(bound, Math.abs(value)), 0)
        : (values[channel] ?? 0);
    const scales = weights.scales.map((scale, channel) => guardedWeightScale(scale, inputScale, largest(channel)));
    operands[weightAt ?? -1] = { ...weights, scales };
    operands[position] = { use: "bias", scales: scales.map((scale) => biasScale(inputScale, scale)) };
  }
}

function planTensors(context: PlanContext): TensorPlan[] {
  return [...context.tensorMembers]
    .sort(([a], [b]) => a - b)
    .map(([tensor, member]) => ({
      tensor,
      name: tensorOf(context.graph, tensor).name,
      range: context.ranges.get(tensor) ?? { min: 0, max: 0 },
      parameters: context.groups.parametersOf(member),
    }));
}

const isActivation = (role: OperandRole | null): boolean => role?.role === "activation" || role?.role === "activations";

/** Does an equal-scale rule that names `operand` mean this operand? "activations" means all of them. */
const sharesScale = (operand: string, role: OperandRole | null): boolean =>
  isActivation(role) && (operand === "activations" || role?.name === operand);

function isConstantOperand(context: PlanContext, node: Node, position: number): boolean {
  const id = node.inputs[position];
  return id !== null && id !== undefined && context.constants.has(id);
}

function constantRange(context: PlanContext, id: TensorId): Range {
  let [min, max] = [0, 0];
  for (const value of context.constants.read(id) ?? []) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

function definitionOf(node: Node): Op {
  const definition = opOf(node.kind);
  if (!definition)
    throw new FlotillaError("GRAPH_INVALID", `The planner was handed the unknown operator ${node.kind}.`);
  return definition;
}
