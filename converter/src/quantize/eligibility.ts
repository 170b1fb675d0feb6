/**
 * Decides node by node what can run in the integers that it was assigned, and says why where it cannot.
 * Knows roles, result rules and ranges; chooses no scale and changes nothing.
 */
import { type Attributes, type Graph, type GraphIndex, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import { isUnsupported, type Op, type OperandRole, type OperatorUse } from "../ops/define-op.ts";
import { opOf } from "../ops/registry.ts";
import type { KernelLimits } from "./kernel-limits.ts";
import { type FloatConstants, resultRulesOf, rolesOf } from "./operands.ts";
import type { OperandPlan } from "./plan.ts";
import { present } from "./plan-narrowed.ts";
import { plannedUse } from "./planned-use.ts";
import { type IntegerMode, integerModeOf, type Precision, valueDTypeOf } from "./precision.ts";
import type { Range } from "./scales.ts";

export type Verdict =
  | { readonly mode: IntegerMode | "untouched" }
  | { readonly mode: "float"; readonly reason: string };

export interface EligibilityContext {
  readonly graph: Graph;
  readonly index: GraphIndex;
  readonly constants: FloatConstants;
  readonly ranges: ReadonlyMap<TensorId, Range>;
  readonly limits: KernelLimits;
  /** Do graph inputs and outputs stay float32? */
  readonly floatIo: boolean;
}

const float = (reason: string): Verdict => ({ mode: "float", reason });

export const integerVerdict = (verdict: Verdict | undefined): IntegerMode | null =>
  verdict?.mode === "int8" || verdict?.mode === "int16x8" ? verdict.mode : null;

/** `precisions`: one for each node. */
export function judgeNodes(context: EligibilityContext, precisions: readonly Precision[]): Verdict[] {
  const verdicts = context.graph.nodes.map((node, at) => judge(context, node, precisions[at] ?? "float32"));
  return keepMovementFloat(context, verdicts);
}

function judge(context: EligibilityContext, node: Node, precision: Precision): Verdict {
  const { graph, constants, limits } = context;
  const touched = [...node.inputs, ...node.outputs].flatMap((id) => (id === null ? [] : [tensorOf(graph, id)]));
  if (!touched.some((tensor) => tensor.dtype === "float32" || tensor.dtype === "float16")) return { mode: "untouched" };
  if (touched.some((tensor) => tensor.quantization)) return { mode: "untouched" };
  if (constants.isConstantNode(node)) return { mode: "untouched" };
  const mode = integerModeOf(precision);
  if (mode === null) return float(`asked for: ${precision}`);
  const definition = opOf(node.kind);
  if (!definition) return float("not an operator that Flotilla can quantize");
  const obstacle = kernelObstacle(definition, mode);
  if (obstacle) return float(obstacle);
  const roles = rolesOf(definition, node);
  for (const [position, role] of roles.entries()) {
    const id = node.inputs[position];
    if (id === null || id === undefined) continue;
    const reason = role ? operandObstacle(context, id, role) : "it has more operands than its declaration";
    if (reason) return float(reason);
  }
  for (const [position, rule] of resultRulesOf(definition, node).entries()) {
    const id = node.outputs[position];
    if (!rule) return float("it has more results than its declaration");
    if (id === undefined || rule.rule === "none") continue;
    const { name, dtype } = tensorOf(graph, id);
    if (dtype !== "float32") return float(`its result "${name}" is ${dtype}`);
    if (!context.ranges.has(id)) return float(`calibration gave no finite range for its result "${name}"`);
  }
  const lacking = limits.refuses(precision) ?? limits.lacks(definition, integerUse(context, node, definition, mode));
  return lacking ? float(lacking) : { mode };
}

/** Its use in these integers, with scales of 1: limits look at dtypes, options and how many scales there are. */
function integerUse({ graph, limits }: EligibilityContext, node: Node, definition: Op, mode: IntegerMode): OperatorUse {
  const parameters = { scale: 1, zeroPoint: 0 };
  const operands = rolesOf(definition, node).map((role, position): OperandPlan => {
    const id = node.inputs[position];
    if (!role || role.role === "index" || id === null || id === undefined) return { use: "as-is" };
    if (role.role === "bias") return { use: "bias", scales: [1], ...(mode === "int16x8" ? { dtype: "int64" } : {}) };
    if (role.role !== "weight") return { use: "activation", parameters };
    const axis = limits.perTensorOnly(definition) ? null : role.channelAxis;
    return { use: "weight", axis, scales: axis === null ? [1] : [1, 1] };
  });
  const results = resultRulesOf(definition, node).map((rule) => (rule?.rule === "none" ? null : parameters));
  return plannedUse(graph, node, {
    dtype: valueDTypeOf(mode),
    operands,
    results,
    attributes: integerOptions(definition, mode, limits),
  });
}

/** What a node has in its options in these integers. A bias that is not int64 has to be said. */
export function integerOptions(definition: Op, mode: IntegerMode, limits: KernelLimits): Attributes {
  if (mode !== "int16x8") return {};
  const bias = limits.wideBias && "quantizedBiasType" in definition.attributes;
  const { int16 } = definition;
  const own = int16 && !isUnsupported(int16) ? present(int16.attributes ?? {}) : {};
  return { ...own, ...(bias ? { quantizedBiasType: "INT32" } : {}) };
}

function int16Obstacle(int16: Op["int16"]): string | null {
  if (!int16) return "no int16 kernel";
  return isUnsupported(int16) ? int16.unsupported : null;
}

/** Why there is no kernel for these integers, or null. */
function kernelObstacle({ int8, int16 }: Op, mode: IntegerMode): string | null {
  if (mode === "int16x8") return int16Obstacle(int16);
  return mode === "int8" && isUnsupported(int8) ? int8.unsupported : null;
}

function operandObstacle(context: EligibilityContext, id: TensorId, role: OperandRole): string | null {
  const { name, dtype } = tensorOf(context.graph, id);
  switch (role.role) {
    case "index":
      return null;
    case "weight":
    case "bias":
      if (!context.constants.has(id)) return `its ${role.name} "${name}" is computed at run time`;
      return context.constants.read(id)?.every(Number.isFinite)
        ? null
        : `its ${role.name} "${name}" is not a finite float constant`;
    case "activation":
    case "activations":
      if (context.constants.has(id)) {
        return context.constants.read(id)?.every(Number.isFinite)
          ? null
          : `its operand "${name}" is not a finite float constant`;
      }
      if (dtype !== "float32") return `its operand "${name}" is ${dtype}`;
      return context.ranges.has(id) ? null : `calibration gave no finite range for its operand "${name}"`;
  }
}

/**
 * Operators that only move values (all results share their operand's scale) gain nothing in integers when everything around
 * them is float: they would only add a QUANTIZE and a DEQUANTIZE. Such regions stay float.
 */
function keepMovementFloat(context: EligibilityContext, verdicts: readonly Verdict[]): Verdict[] {
  const { graph, index } = context;
  const position = new Map(graph.nodes.map((node, at) => [node, at]));
  const moves = graph.nodes.map(
    (node, at) => integerVerdict(verdicts[at]) !== null && movesOnly(opOf(node.kind), node),
  );
  const isFloat = (node: Node) => verdicts[position.get(node) ?? -1]?.mode === "float";
  const inputs = new Set<TensorId | null>(graph.inputs);
  const outputs = new Set(graph.outputs);
  const result = [...verdicts];
  const seen = new Set<Node>();
  for (const [at, start] of graph.nodes.entries()) {
    if (!moves[at] || seen.has(start)) continue;
    let surroundedByFloat = true;
    let touchesFloatOperator = false;
    const region: Node[] = [];
    const pending = [start];
    seen.add(start);
    const visit = (neighbour: Node) => {
      if (moves[position.get(neighbour) ?? -1]) {
        if (!seen.has(neighbour)) pending.push(neighbour);
        seen.add(neighbour);
      } else if (isFloat(neighbour)) touchesFloatOperator = true;
      else surroundedByFloat = false;
    };
    for (let node = pending.pop(); node; node = pending.pop()) {
      region.push(node);
      for (const id of node.inputs) {
        if (id === null || context.constants.has(id) || tensorOf(graph, id).dtype !== "float32") continue;
        const producer = index.producer(id);
        if (producer) visit(producer);
        else if (!(inputs.has(id) && context.floatIo)) surroundedByFloat = false;
      }
      for (const id of node.outputs) {
        for (const consumer of index.consumers(id)) visit(consumer);
        if (outputs.has(id) && !context.floatIo) surroundedByFloat = false;
      }
    }
    if (!surroundedByFloat || !touchesFloatOperator) continue;
    for (const node of region) {
      result[position.get(node) ?? -1] = float("it only moves values between operators that stay float");
    }
  }
  return result;
}

const movesOnly = (definition: Op | undefined, node: Node): boolean =>
  definition !== undefined && resultRulesOf(definition, node).every((rule) => rule?.rule === "same-as");
