/** Raising of FULLY_CONNECTED: `[n, in] · [in, out] + bias`, with the input made rows and the result given its axes back. */
import type { Attributes } from "../../ir/graph.ts";
import { fusedNode, hasOperand } from "./affine.ts";
import { flag } from "./attributes.ts";
import { reshapeTarget } from "./axes.ts";
import type { Raise } from "./tensorflow-nodes.ts";

interface DenseAttributes extends Attributes {
  readonly fusedActivationFunction: string;
}

export const raiseFullyConnected: Raise<DenseAttributes> = (use, to) => {
  const { attributes, inputs, outputs } = use;
  const depth = inputs[1]?.shape[1] ?? 0;
  const shape = inputs[0]?.shape ?? [];
  const rows =
    shape.length === 2 && shape[1] === depth
      ? to.operand(0)
      : to.node("Reshape", [to.operand(0), to.constant("int32", [-1, depth])]);
  const weights = to.arranged(1, { permutation: [1, 0] });
  const bias = hasOperand(use, 2) ? to.operand(2) : null;
  const result = fusedNode(
    to,
    { fused: "_FusedMatMul", plain: "MatMul" },
    [rows, weights],
    bias,
    attributes.fusedActivationFunction,
    { transpose_a: flag(false), transpose_b: flag(false) },
  );
  if (outputs[0]?.shape.length === 2) return [result];
  return [to.node("Reshape", [result, reshapeTarget(to, outputs[0])])];
};
