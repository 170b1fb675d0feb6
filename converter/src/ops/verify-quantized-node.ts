/**
 * The quantization rules that kernels check or assume, for one node of a graph that is about to be written.
 * Sources: LiteRT `quantization_spec.md`; `kernels/kernel_util.cc` (bias scale), `concatenation.cc`, `activations.cc`.
 */
import { type Graph, type Node, type Quantization, type Tensor, tensorOf } from "../ir/graph.ts";
import { invalid } from "../ir/verify-structure.ts";
import { isUnsupported, type Op, type OperandRole, type ResultRule } from "./define-op.ts";

/** `GetQuantizedConvolutionMultipler` accepts a bias scale that is off by this fraction of the output's scale. */
const biasScaleTolerance = 0.02;

interface Operand {
  readonly role: OperandRole;
  readonly tensor: Tensor;
}

export function verifyQuantizedNode(graph: Graph, node: Node, op: Op): void {
  const operands = operandsOf(graph, node, op);
  const activations = operands.filter(({ role }) => role.role === "activation" || role.role === "activations");
  for (const operand of operands) {
    if (operand.role.role === "weight") verifyWeight(graph, node, operand.tensor, operand.role.channelAxis);
    if (operand.role.role === "bias") verifyBias(graph, node, operand.tensor, operand.role.of, operands);
  }
  for (const [i, id] of node.outputs.entries()) {
    const result = tensorOf(graph, id);
    const rule = op.results[op.manyResults ? 0 : i];
    if ((result.dtype !== "int8" && result.dtype !== "int16") || !rule || rule.rule === "none") continue;
    if (!result.quantization) throw invalid(graph, `its ${result.dtype} result "${result.name}" has no scale`, node);
    const obstacle = op.border === true ? null : kernelObstacle(op, result.dtype);
    if (obstacle) throw invalid(graph, `it cannot run in ${result.dtype}: ${obstacle}`, node);
    verifyResult(graph, node, { ...result, quantization: result.quantization }, rule, activations);
  }
}

function kernelObstacle({ int8, int16 }: Op, dtype: "int8" | "int16"): string | null {
  if (dtype === "int16" && !int16) return "no int16 kernel";
  if (dtype === "int16") return isUnsupported(int16) ? int16.unsupported : null;
  return isUnsupported(int8) ? int8.unsupported : null;
}

function operandsOf(graph: Graph, node: Node, op: Op): readonly Operand[] {
  const last = op.operands.at(-1);
  return node.inputs.flatMap((id, i) => {
    const role = op.operands[i] ?? last;
    return id === null || !role ? [] : [{ role, tensor: tensorOf(graph, id) }];
  });
}

function verifyResult(
  graph: Graph,
  node: Node,
  result: Tensor & { readonly quantization: Quantization },
  rule: ResultRule,
  activations: readonly Operand[],
): void {
  const { scales, zeroPoints } = result.quantization;
  const wide = result.dtype === "int16";
  if (wide && zeroPoints.some((zeroPoint) => zeroPoint !== 0))
    throw invalid(graph, `its int16 result "${result.name}" has a zero point`, node);
  const wanted = rule.rule === "fixed" ? (wide ? rule.int16 : rule.int8) : undefined;
  if (wanted && (scales[0] !== wanted[0] || zeroPoints[0] !== wanted[1]))
    throw invalid(graph, `its result must have the scale ${wanted.join(" and the zero point ")}`, node);
  if (rule.rule !== "same-as") return;
  for (const { role, tensor } of activations) {
    if (rule.operand !== "activations" && role.name !== rule.operand) continue;
    const same =
      tensor.dtype === result.dtype &&
      tensor.quantization?.scales[0] === scales[0] &&
      tensor.quantization?.zeroPoints[0] === zeroPoints[0];
    if (!same) throw invalid(graph, `its result must have the scale of "${tensor.name}"`, node);
  }
}

function verifyWeight(graph: Graph, node: Node, weight: Tensor, channelAxis: number | null): void {
  if ((weight.dtype !== "int8" && weight.dtype !== "int4") || !weight.quantization) return;
  const { scales, zeroPoints, axis } = weight.quantization;
  if (zeroPoints.some((zeroPoint) => zeroPoint !== 0))
    throw invalid(graph, `the weights "${weight.name}" are not symmetric`, node);
  if ((scales.length > 1 || weight.quantization.blocks) && axis !== channelAxis)
    throw invalid(graph, `the weights "${weight.name}" have their scales along axis ${axis}, not ${channelAxis}`, node);
}

function verifyBias(
  graph: Graph,
  node: Node,
  bias: Tensor,
  of: readonly [string, string],
  operands: readonly Operand[],
): void {
  const [input, weight] = of.map((name) => operands.find(({ role }) => role.name === name)?.tensor);
  if ((input?.dtype !== "int8" && input?.dtype !== "int16") || !input.quantization || !weight?.quantization) return;
  const wide = input.dtype === "int16" && node.attributes.quantizedBiasType !== "INT32";
  const expected = wide ? "int64" : "int32";
  if (bias.dtype !== expected) throw invalid(graph, `its bias "${bias.name}" is ${bias.dtype}, not ${expected}`, node);
  if (!bias.quantization || bias.quantization.zeroPoints.some((zeroPoint) => zeroPoint !== 0))
    throw invalid(graph, `its bias "${bias.name}" has no scale, or a zero point`, node);
  const output = tensorOf(graph, node.outputs[0] ?? bias.id).quantization?.scales[0] ?? 1;
  const inputScale = input.quantization.scales[0] ?? 0;
  const { scales } = bias.quantization;
  if (scales.length !== weight.quantization.scales.length)
    throw invalid(
      graph,
      `its bias has ${scales.length} scales, its weights ${weight.quantization.scales.length}`,
      node,
    );
  for (const [channel, scale] of scales.entries()) {
    const product = inputScale * (weight.quantization.scales[channel] ?? 0);
    if (Math.abs(product - scale) / output > biasScaleTolerance)
      throw invalid(graph, `its bias has the scale ${scale} in channel ${channel}, not ${product}`, node);
  }
}
