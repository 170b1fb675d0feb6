/** How an operator would be used if a plan were carried out: what version rules and limits of targets decide on. */
import type { Attributes, DType, Graph, Node, Quantization } from "../ir/graph.ts";
import type { OperandFacts, OperatorUse } from "../ops/define-op.ts";
import { useOf } from "../ops/graph-facts.ts";
import { opOf } from "../ops/registry.ts";
import type { OperandPlan } from "./plan.ts";
import type { ValueDType } from "./precision.ts";
import type { AffineParameters } from "./scales.ts";

export interface PlannedForm {
  /** Of values; null where they stay float. */
  readonly dtype: ValueDType | null;
  readonly operands: readonly OperandPlan[];
  readonly results: readonly (AffineParameters | null)[];
  readonly attributes?: Attributes;
}

export function plannedUse(
  graph: Graph,
  node: Node,
  { dtype, operands, results, attributes }: PlannedForm,
): OperatorUse {
  const use = useOf(graph, node);
  return {
    attributes: { ...opOf(node.kind)?.attributes, ...use.attributes, ...attributes },
    inputs: use.inputs.map((facts, position) => {
      const plan = operands[position];
      if (!facts || !plan || plan.use === "as-is" || plan.use === "dequantized") return facts;
      if (plan.use === "weight") return as(facts, plan.dtype ?? "int8", along(plan.scales, plan.axis ?? 0));
      if (plan.use === "bias") return as(facts, plan.dtype ?? "int32", along(plan.scales, 0));
      return dtype === null ? facts : as(facts, dtype, perTensor(plan.parameters));
    }),
    outputs: use.outputs.map((facts, position) => {
      const parameters = results[position];
      return dtype === null || !parameters ? facts : as(facts, dtype, perTensor(parameters));
    }),
  };
}

const as = (facts: OperandFacts, dtype: DType, quantization: Quantization): OperandFacts => ({
  ...facts,
  dtype,
  quantization,
});
const along = (scales: readonly number[], axis: number): Quantization => ({
  scales,
  zeroPoints: scales.map(() => 0),
  axis,
});
const perTensor = ({ scale, zeroPoint }: AffineParameters): Quantization => ({
  scales: [scale],
  zeroPoints: [zeroPoint],
  axis: 0,
});
