/** Branches whose condition is known: If takes one function, TF1's Switch gives its input to one side (Merge: `lower-graph.ts`). */
import type { TensorId } from "../../../ir/graph.ts";
import { attrOf } from "../graph.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

function condition(node: NodeLowering, place: number): boolean {
  const [value] = node.builder.valuesOf(node.input(place)) ?? [];
  if (value !== undefined) return value !== 0;
  throw new NodeRefusal("its condition is known only when the model runs; branches are not converted");
}

export const ifLowering: TfLowering = {
  ops: ["If", "StatelessIf"],
  lower: (node) => {
    const branch = attrOf(node.node, condition(node, 0) ? "then_branch" : "else_branch", "func");
    if (branch === undefined) throw node.fault("it does not say what its branch is");
    return node.callFunction(branch, node.inputs.slice(1));
  },
};

/** Results: where the predicate is false, where it is true. */
export const switchLowering: TfLowering = {
  ops: ["Switch", "RefSwitch"],
  lower: (node): readonly (TensorId | "dead")[] =>
    condition(node, 1) ? ["dead", node.input(0)] : [node.input(0), "dead"],
};
