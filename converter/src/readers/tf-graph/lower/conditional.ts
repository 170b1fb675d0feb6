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

/** One of several branches by its number; the last for numbers there are no branches for. */
export const caseLowering: TfLowering = {
  ops: ["Case", "StatelessCase"],
  lower: (node) => {
    const branches = attrOf(node.node, "branches", "list") ?? [];
    const [asked] = node.builder.valuesOf(node.input(0)) ?? [];
    if (asked === undefined)
      throw new NodeRefusal("which branch it takes is known only when the model runs; branches are not converted");
    const branch = branches[asked >= 0 && asked < branches.length ? asked : branches.length - 1];
    if (branch?.kind !== "func") throw node.fault("it does not say what its branches are");
    return node.callFunction(branch.value, node.inputs.slice(1));
  },
};

/** Results: where the predicate is false, where it is true. */
export const switchLowering: TfLowering = {
  ops: ["Switch", "RefSwitch"],
  lower: (node): readonly (TensorId | "dead")[] =>
    condition(node, 1) ? ["dead", node.input(0)] : [node.input(0), "dead"],
};
