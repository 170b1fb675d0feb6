/**
 * Plans a graph from its assignment: per tensor what its producer and each reader want, conflicts resolved by joining or
 * requantizing; values in int8 and in int16 side by side, where nodes differ.
 * Rules: LiteRT quantization spec (equal-scale, fixed-scale and free operators come from the operators' own facets).
 * Pure: thinks and returns a value, never edits the graph.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, indexGraph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import type { Op, OperandRole } from "../ops/define-op.ts";
import { opOf } from "../ops/registry.ts";
import type { Assignment } from "./assignment.ts";
import { type EligibilityContext, integerOptions, integerVerdict, judgeNodes, type Verdict } from "./eligibility.ts";
import type { KernelLimits } from "./kernel-limits.ts";
import { FloatConstants, resultRulesOf, rolesOf } from "./operands.ts";
import { ParameterGroups } from "./parameter-groups.ts";
import type { NodePlan, OperandPlan, QuantizationPlan, TensorPlan } from "./plan.ts";
import { planNarrowed } from "./plan-narrowed.ts";
import { planWeights } from "./plan-weights.ts";
import { type ValueDType, valueDTypeOf } from "./precision.ts";
import { type IoDType, insideOf } from "./recipe.ts";
import type { AffineParameters, Range } from "./scales.ts";

export interface PlanRequest {
  readonly graph: Graph;
  readonly assignment: Assignment;
  /** Finite ranges of the run-time float tensors, from calibration; none where no node computes in integers. */
  readonly ranges: ReadonlyMap<TensorId, Range>;
  readonly io: IoDType;
  readonly limits: KernelLimits;
}

/** A run-time tensor in one of the integer dtypes. */
interface Twin {
  readonly tensor: TensorId;
  readonly dtype: ValueDType;
  readonly member: number;
}

interface PlanContext extends EligibilityContext {
  readonly groups: ParameterGroups;
  readonly verdicts: readonly Verdict[];
  /** "tensor:dtype" → its member among the groups. */
  readonly twins: Map<string, Twin>;
  /** "node:operand" → the member that the node reads it as, where that can differ from the tensor's own. */
  readonly readerMembers: Map<string, number>;
}

interface ReaderEdge {
  readonly tensor: TensorId;
  readonly twin: number;
  readonly reader: number;
  readonly soleOperand: boolean;
}

export function planQuantization({ graph, assignment, ranges, io, limits }: PlanRequest): QuantizationPlan {
  const index = indexGraph(graph);
  const constants = new FloatConstants(graph, index);
  const eligibility = { graph, index, ranges, constants, limits, floatIo: io === "float32" };
  const context: PlanContext = {
    ...eligibility,
    verdicts: judgeNodes(eligibility, assignment.precisions),
    groups: new ParameterGroups(),
    twins: new Map(),
    readerMembers: new Map(),
  };
  addTwins(context, io);
  joinEqualScales(context);
  const nodes = graph.nodes.map((node, at) => planNode(context, node, at, assignment));
  return { graph: graph.name, io, nodes, tensors: planTensors(context) };
}

const twinOf = (context: PlanContext, id: TensorId, dtype: ValueDType): number | undefined =>
  context.twins.get(`${id}:${dtype}`)?.member;

/** Every float tensor that an integer operator reads or writes, and graph inputs and outputs that become integers. */
function addTwins(context: PlanContext, io: IoDType): void {
  const { graph, constants, ranges, verdicts, twins, groups } = context;
  const add = (tensor: TensorId, dtype: ValueDType, fixed: AffineParameters | null = null) => {
    const key = `${tensor}:${dtype}`;
    if (twins.has(key) || constants.has(tensor) || tensorOf(graph, tensor).dtype !== "float32") return;
    const range = ranges.get(tensor);
    if (range) twins.set(key, { tensor, dtype, member: groups.add(range, fixed, dtype) });
  };
  for (const [at, node] of graph.nodes.entries()) {
    const mode = integerVerdict(verdicts[at]);
    if (mode === null) continue;
    const dtype = valueDTypeOf(mode);
    for (const [position, rule] of resultRulesOf(definitionOf(node), node).entries()) {
      const id = node.outputs[position];
      if (id === undefined || !rule || rule.rule === "none") continue;
      const [scale, zeroPoint] = (rule.rule === "fixed" && rule[dtype]) || [];
      add(id, dtype, scale === undefined || zeroPoint === undefined ? null : { scale, zeroPoint });
    }
  }
  for (const [at, node] of graph.nodes.entries()) {
    const mode = integerVerdict(verdicts[at]);
    if (mode === null) continue;
    for (const [position, role] of rolesOf(definitionOf(node), node).entries()) {
      const id = node.inputs[position];
      if (id !== null && id !== undefined && isActivation(role)) add(id, valueDTypeOf(mode));
    }
  }
  if (io !== "float32") for (const id of [...graph.inputs, ...graph.outputs]) add(id, insideOf(io));
}

function joinEqualScales(context: PlanContext): void {
  const { graph, groups, verdicts, readerMembers } = context;
  const edges: ReaderEdge[] = [];
  for (const [at, node] of graph.nodes.entries()) {
    const mode = integerVerdict(verdicts[at]);
    if (mode === null) continue;
    const dtype = valueDTypeOf(mode);
    const definition = definitionOf(node);
    const roles = rolesOf(definition, node);
    for (const [position, rule] of resultRulesOf(definition, node).entries()) {
      if (rule?.rule !== "same-as") continue;
      const result = twinOf(context, node.outputs[position] ?? (-1 as TensorId), dtype);
      const operands = roles.flatMap((role, operand) => (sharesScale(rule.operand, role) ? [operand] : []));
      const variable = operands.filter((operand) => !isConstantOperand(context, node, operand));
      for (const operand of operands) {
        const id = node.inputs[operand];
        if (id === null || id === undefined) continue;
        const key = `${at}:${operand}`;
        let reader = readerMembers.get(key);
        if (reader === undefined) {
          const range = isConstantOperand(context, node, operand) ? constantRange(context, id) : null;
          reader = groups.add(range, null, dtype);
          readerMembers.set(key, reader);
          const twin = twinOf(context, id, dtype);
          if (twin !== undefined) edges.push({ tensor: id, twin, reader, soleOperand: variable.length === 1 });
        }
        if (result !== undefined) groups.join(result, reader);
      }
    }
  }
  // Single-operand operators first: they leave no choice, and multi-operand ones then see the whole range.
  for (const edge of [...edges.filter((one) => one.soleOperand), ...edges.filter((one) => !one.soleOperand)]) {
    const soleReader = context.index.consumers(edge.tensor).length === 1 && !graph.outputs.includes(edge.tensor);
    if (groups.compatible(edge.twin, edge.reader, { soleReader, soleOperand: edge.soleOperand })) {
      groups.join(edge.twin, edge.reader);
    }
  }
}

function planNode(context: PlanContext, node: Node, at: number, assignment: Assignment): NodePlan {
  const head = { node: node.name, operator: node.kind };
  const verdict = context.verdicts[at];
  const precision = assignment.precisions[at] ?? "float32";
  if (!verdict || verdict.mode === "untouched") return { ...head, mode: "untouched" };
  if (verdict.mode === "float") {
    const { reason } = verdict;
    const narrowed = planNarrowed(context, node, precision, assignment);
    return narrowed
      ? { ...head, mode: "float", precision, reason, ...narrowed }
      : { ...head, mode: "float", precision: "float32", reason };
  }
  const { mode } = verdict;
  const definition = definitionOf(node);
  const dtype = valueDTypeOf(mode);
  const activations = rolesOf(definition, node).map((role, position) =>
    planActivation(context, node, at, position, role, dtype),
  );
  const perTensor = precision === "int8-per-tensor" || context.limits.perTensorOnly(definition);
  const attributes = integerOptions(definition, mode, context.limits);
  const bias = mode === "int16x8" && attributes.quantizedBiasType !== "INT32" ? "int64" : "int32";
  const operands = planWeights(context, node, activations, { perTensor, bias });
  const results = node.outputs.map((id) => {
    const member = twinOf(context, id, dtype);
    return member === undefined ? null : context.groups.parametersOf(member);
  });
  const changed = Object.keys(attributes).length > 0;
  return { ...head, mode, precision, operands, results, ...(changed ? { attributes } : {}) };
}

function planActivation(
  context: PlanContext,
  node: Node,
  at: number,
  position: number,
  role: OperandRole | null,
  dtype: ValueDType,
): OperandPlan {
  const id = node.inputs[position];
  if (id === null || id === undefined || !isActivation(role)) return { use: "as-is" };
  const reader = context.readerMembers.get(`${at}:${position}`);
  if (context.constants.has(id)) {
    const member = reader ?? context.groups.add(constantRange(context, id), null, dtype);
    return { use: "constant", parameters: context.groups.parametersOf(member) };
  }
  const member = reader ?? twinOf(context, id, dtype);
  return member === undefined
    ? { use: "as-is" }
    : { use: "activation", parameters: context.groups.parametersOf(member) };
}

function planTensors(context: PlanContext): TensorPlan[] {
  return [...context.twins.values()]
    .sort((a, b) => a.tensor - b.tensor)
    .map(({ tensor, dtype, member }) => ({
      tensor,
      name: tensorOf(context.graph, tensor).name,
      dtype,
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
