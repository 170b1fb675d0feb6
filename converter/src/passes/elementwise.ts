/** Which operators work on each element alone, as told by their `layout` facet. */
import type { Node } from "../ir/graph.ts";
import { useOf } from "../ops/graph-facts.ts";
import { isBarrier } from "../ops/layout/layout-rule.ts";
import { identityOrder } from "../ops/layout/order.ts";
import { opOf } from "../ops/registry.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";

/** Does it work on each element alone? Then it follows any order of axes with nothing else changed. */
export function isElementwise(graph: GraphRewrite, node: Node): boolean {
  const rule = opOf(node.kind)?.layout;
  const use = useOf(graph, node);
  if (!rule || isBarrier(rule) || use.outputs.length !== 1) return false;
  const order = [...identityOrder(use.outputs[0]?.shape.length ?? 0)].reverse();
  const change = rule(use, { side: "result", position: 0 }, order);
  if (!change || change.attributes || change.indices || change.constants || change.vanishes) return false;
  return [...change.operands, ...change.results].every((one) => one === null || one.join() === order.join());
}
