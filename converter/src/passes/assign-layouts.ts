/**
 * Every tensor gets the axis order that leaves the fewest bytes to be moved by transposes:
 *
 *     T⁻¹(CONV_2D(T(RELU(T⁻¹(CONV_2D(T(x)))))))   →   T⁻¹(CONV_2D(RELU(CONV_2D(T(x)))))       T: NCHW → NHWC
 *
 * NCHW sources are lowered with their layout-bound operators wrapped in TRANSPOSE; all other operators say by their
 * `layout` facet what they become in another order. Graph inputs and outputs may be declared with channels last, then
 * they say so (`sourceAxes`), and nothing is left to move there either.
 */
import { transpose } from "../ops/transpose.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import { applyOrders } from "./layout/apply-orders.ts";
import { chooseOrders } from "./layout/choose-orders.ts";
import { LayoutProblem } from "./layout/layout-problem.ts";
import type { Pass } from "./pass.ts";

function assign(graph: GraphRewrite, freeEnds: boolean): void {
  if (![...graph.nodes()].some((node) => transpose.is(node))) return;
  const problem = new LayoutProblem(graph, freeEnds);
  chooseOrders(problem);
  applyOrders(graph, problem);
}

/** Inputs and outputs keep the source's axes. */
export const assignLayouts: Pass = {
  name: "assign-layouts",
  run: (graph) => assign(graph, false),
};

/** Inputs and outputs of rank 3 to 5 may be declared with channels last. */
export const assignLayoutsOfEnds: Pass = {
  name: "assign-layouts-of-ends",
  run: (graph) => assign(graph, true),
};
