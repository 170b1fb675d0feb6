/**
 * Raising of convolutions and dense layers: fused nodes where there is a bias, as tfjs executes them
 * (`convolution_executor`, `matrices_executor`): BiasAdd and one activation, everything else as nodes behind.
 */
import type { Attributes } from "../../ir/graph.ts";
import type { OperatorUse } from "../define-op.ts";
import { float, int, ints, text, texts } from "./attributes.ts";
import { activated } from "./simple.ts";
import { notRaised, type Ref, type TensorFlowAttributes, type TensorFlowNodes } from "./tensorflow-nodes.ts";

/** Activations that go into a fused node; the others stay behind it. */
const fusable: Readonly<Record<string, string>> = { RELU: "Relu", RELU6: "Relu6" };
/** The kind of node that has a bias and an activation, and the one that has neither. */
export interface FusedKind {
  readonly fused: string;
  readonly plain: string;
}

/** `inputs`: value and weights. `bias`: null without one. */
export function fusedNode(
  to: TensorFlowNodes,
  { fused, plain }: FusedKind,
  inputs: readonly [Ref, Ref],
  bias: Ref | null,
  fusedActivationFunction: string,
  attributes: TensorFlowAttributes,
): Ref {
  if (bias === null) return activated(to, to.node(plain, inputs, attributes), fusedActivationFunction);
  const activation = fusable[fusedActivationFunction];
  const value = to.node(fused, [...inputs, bias], {
    ...attributes,
    num_args: int(1),
    fused_ops: texts(activation === undefined ? ["BiasAdd"] : ["BiasAdd", activation]),
    epsilon: float(0),
  });
  return activation === undefined ? activated(to, value, fusedActivationFunction) : value;
}

/** tfjs-core refuses them, in two and in three axes. */
export const stridesAndDilations = "tfjs has no convolution with strides and dilations at once";

interface WindowAttributes extends Attributes {
  readonly padding: string;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationHFactor: number;
  readonly dilationWFactor: number;
}

/** @throws UNSUPPORTED_OPERATOR for strides and dilations at once, which tfjs-core refuses */
export function windowAttributes({
  padding,
  strideH,
  strideW,
  dilationHFactor,
  dilationWFactor,
}: WindowAttributes): TensorFlowAttributes {
  if (Math.max(strideH, strideW) > 1 && Math.max(dilationHFactor, dilationWFactor) > 1)
    throw notRaised(stridesAndDilations);
  return {
    strides: ints([1, strideH, strideW, 1]),
    padding: text(padding),
    data_format: text("NHWC"),
    dilations: ints([1, dilationHFactor, dilationWFactor, 1]),
  };
}

/** Whether an optional operand is there. */
export const hasOperand = (use: OperatorUse, index: number): boolean => (use.inputs[index] ?? null) !== null;
