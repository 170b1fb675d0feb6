/**
 * Plans a node that computes in float with its constants stored narrower: as float16 or integers behind a DEQUANTIZE, or
 * as integers that a hybrid kernel takes. Which operands are weights, and what kernels take, are the operator's own
 * facets. Rules: LiteRT `quantize_weights.cc` (weights of 1024 elements and more; all of a node's hybrid weights or none).
 */
import { type Attributes, elementCount, type Graph, type Node, type TensorId, tensorOf } from "../ir/graph.ts";
import type { Op, OperandRole, OperatorUse } from "../ops/define-op.ts";
import { dequantize } from "../ops/dequantize.ts";
import { opOf } from "../ops/registry.ts";
import type { Assignment } from "./assignment.ts";
import type { KernelLimits } from "./kernel-limits.ts";
import { type FloatConstants, rolesOf } from "./operands.ts";
import type { OperandPlan, WeightPlan } from "./plan.ts";
import { plannedUse } from "./planned-use.ts";
import type { Precision } from "./precision.ts";
import { storedBlockScale } from "./scales.ts";
import { blockView, channelView, int4Scales, weightScales } from "./weights.ts";

/** `toco_legacy/quantize_weights.cc`: below this the integers save less than they cost. */
const leastWeightElements = 1024;
/** Below this many elements the DEQUANTIZE costs more bytes in the file than halves save. */
const leastHalfElements = 128;

export interface NarrowedNode {
  readonly operands: readonly OperandPlan[];
  readonly attributes?: Attributes;
}

interface NarrowContext {
  readonly graph: Graph;
  readonly constants: FloatConstants;
  readonly limits: KernelLimits;
}

/** A weight operand that holds a float constant. */
interface Weight {
  readonly position: number;
  readonly id: TensorId;
  readonly name: string;
  readonly channelAxis: number | null;
}

/** null: nothing of it can be stored narrower. */
export function planNarrowed(
  context: NarrowContext,
  node: Node,
  precision: Precision,
  assignment: Pick<Assignment, "blockSize">,
): NarrowedNode | null {
  const definition = opOf(node.kind);
  if (!definition || precision === "float32") return null;
  if (precision === "float16") return planHalves(context, node, definition);
  const weights = weightsOf(context, node, definition);
  const form = { int4: precision === "int4-weights", blockSize: assignment.blockSize };
  const hybrid = precision === "weight-only-int8" ? null : planHybrid(context, node, definition, weights, form);
  return hybrid ?? planStored(context, node, weights, form);
}

function planHalves({ graph, constants }: NarrowContext, node: Node, definition: Op): NarrowedNode | null {
  const roles = rolesOf(definition, node);
  const operands = node.inputs.map((id, position): OperandPlan => {
    const role = roles[position]?.role;
    if (id === null || role === undefined || role === "index") return { use: "as-is" };
    const { dtype, constant, shape } = tensorOf(graph, id);
    const large = dtype === "float32" && constant !== undefined && elementCount(shape) >= leastHalfElements;
    return large && constants.has(id) ? { use: "dequantized", stored: "float16" } : { use: "as-is" };
  });
  return narrowed(operands);
}

/** null: its kernel is not hybrid, or its weights are too small or not all constants. */
function planHybrid(
  context: NarrowContext,
  node: Node,
  definition: Op,
  weights: readonly Weight[],
  form: { readonly int4: boolean; readonly blockSize: number | null },
): NarrowedNode | null {
  const { hybrid } = definition;
  if (!hybrid || (form.int4 && !hybrid.int4)) return null;
  const roles = rolesOf(definition, node);
  const wanted = roles.flatMap((role, position) =>
    role && hybrid.weights.includes(role.name) && typeof node.inputs[position] === "number" ? [position] : [],
  );
  const chosen = wanted.map((position) => weights.find((weight) => weight.position === position));
  if (chosen.length === 0 || chosen.some((weight) => weight === undefined)) return null;
  if (!chosen.some((weight) => weight && isLarge(context, weight))) return null;
  const perChannel = hybrid.perChannel && !context.limits.perTensorOnly(definition);
  const attributes = present(hybrid.attributes ?? {});
  for (const channels of perChannel ? [true, false] : [false]) {
    const operands = node.inputs.map((_, position): OperandPlan => {
      const weight = chosen.find((one) => one?.position === position);
      if (!weight) return { use: "as-is" };
      return planWeight(context, weight, { ...form, channels, blocks: hybrid.int4?.blocks === true });
    });
    const use = plannedUse(context.graph, node, { dtype: null, operands, results: [], attributes });
    if (context.limits.lacks(definition, use) === null) return { operands, attributes };
  }
  return null;
}

/** Weights as integers that a DEQUANTIZE turns back, once, before the first run. */
function planStored(
  context: NarrowContext,
  node: Node,
  weights: readonly Weight[],
  form: { readonly int4: boolean },
): NarrowedNode | null {
  const operands = node.inputs.map((_, position): OperandPlan => {
    const weight = weights.find((one) => one.position === position);
    if (!weight || !isLarge(context, weight)) return { use: "as-is" };
    for (const channels of [true, false]) {
      const stored = planWeight(context, weight, { ...form, channels, blocks: false, blockSize: null });
      if (context.limits.lacks(dequantize, restoring(context, weight, stored)) === null)
        return { use: "dequantized", stored };
    }
    return { use: "as-is" };
  });
  return narrowed(operands);
}

function planWeight(
  { graph, constants }: NarrowContext,
  { id, channelAxis }: Weight,
  form: {
    readonly int4: boolean;
    readonly channels: boolean;
    readonly blocks: boolean;
    readonly blockSize: number | null;
  },
): WeightPlan {
  const { shape } = tensorOf(graph, id);
  const axis = form.channels ? channelAxis : null;
  const values = constants.read(id) ?? new Float32Array();
  if (!form.int4) return { use: "weight", axis, scales: weightScales(values, channelView(shape, axis)) };
  const { blockSize } = form;
  if (!form.blocks || blockSize === null || (shape.at(-1) ?? 0) % blockSize !== 0)
    return { use: "weight", dtype: "int4", axis, scales: int4Scales(values, channelView(shape, axis)) };
  const scales = int4Scales(values, blockView(shape, blockSize)).map(storedBlockScale);
  return { use: "weight", dtype: "int4", axis: 0, scales, blockSize };
}

const restoring = ({ graph }: NarrowContext, { id }: Weight, { scales, axis, ...stored }: WeightPlan): OperatorUse => {
  const dtype = stored.dtype ?? "int8";
  const { shape } = tensorOf(graph, id);
  const quantization = { scales, zeroPoints: scales.map(() => 0), axis: axis ?? 0 };
  return {
    attributes: dequantize.attributes,
    inputs: [{ dtype, shape, quantization }],
    outputs: [{ dtype: "float32", shape }],
  };
};

function weightsOf({ graph, constants }: NarrowContext, node: Node, definition: Op): Weight[] {
  return rolesOf(definition, node).flatMap((role, position): Weight[] => {
    const id = node.inputs[position];
    const channelAxis = role ? weightAxis(role) : undefined;
    if (id === null || id === undefined || !role || channelAxis === undefined || !constants.has(id)) return [];
    if (tensorOf(graph, id).dtype !== "float32" || !constants.read(id)?.every(Number.isFinite)) return [];
    return [{ position, id, name: role.name, channelAxis }];
  });
}

/** Along which axis the operand has channels if it is trained weights; undefined if it is none. */
function weightAxis(role: OperandRole): number | null | undefined {
  if (role.role === "weight") return role.channelAxis;
  return role.role === "activation" ? role.asWeight?.channelAxis : undefined;
}

const isLarge = ({ graph }: NarrowContext, { id }: Weight): boolean =>
  elementCount(tensorOf(graph, id).shape) >= leastWeightElements;

const narrowed = (operands: readonly OperandPlan[]): NarrowedNode | null =>
  operands.some(({ use }) => use !== "as-is") ? { operands } : null;

/** Options without the fields that are left out. */
export const present = (attributes: Partial<Attributes>): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
