/**
 * Clamps to the range of an activation become that activation:
 *
 *     MAXIMUM(x, 0)  →  RELU(x)          MINIMUM(RELU(x), 6), MAXIMUM(MINIMUM(x, 6), 0)  →  RELU6(x)
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { clampOf, clamps } from "../ops/activation.ts";
import { maximum } from "../ops/maximum.ts";
import { minimum } from "../ops/minimum.ts";
import { operators, opOf } from "../ops/registry.ts";
import { type Linear, linearBefore, linearOf } from "./arithmetic.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { bothOrders, sameShape, scalarOf } from "./scalars.ts";

interface Clamp {
  readonly value: TensorId;
  readonly low: number;
  readonly high: number;
}

export const recognizeClamp: Pass = {
  name: "recognize-clamp",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const outer = opOf(node.kind)?.fusesAs === undefined || isCovered(graph, node) ? clampIn(graph, node) : undefined;
      if (!outer) continue;
      const inner = clampIn(graph, graph.producerOf(outer.value));
      // A clamp of a clamp is one, if the ranges meet.
      const low = Math.max(outer.low, inner?.low ?? Number.NEGATIVE_INFINITY);
      const high = Math.min(outer.high, inner?.high ?? Number.POSITIVE_INFINITY);
      if (low > high) continue;
      const both = inner && activationWith(low, high);
      const alone = activationWith(outer.low, outer.high);
      const [activation, value] = both ? [both, inner.value] : [alone, outer.value];
      if (!activation || (activation.kind === node.kind && value === node.inputs[0])) continue;
      graph.replace(node, activation.node({ name: node.name, inputs: [value], outputs: node.outputs }));
    }
  },
};

/** An activation is looked at only as the outer one of two clamps. */
const isCovered = (graph: GraphRewrite, node: Node): boolean =>
  clampIn(graph, graph.producerOf(node.inputs[0])) !== undefined;

const activationWith = (low: number, high: number) =>
  operators.find(({ fusesAs }) => {
    const range = rangeOf(fusesAs);
    return range?.[0] === low && range[1] === high;
  });

/** The range of an activation that is a clamp; others have none. */
const rangeOf = (fusesAs: string | undefined): readonly [number, number] | undefined =>
  fusesAs !== undefined && clamps.includes(fusesAs) ? clampOf(fusesAs) : undefined;

function clampIn(graph: GraphRewrite, node: Node | undefined): Clamp | undefined {
  if (!node) return undefined;
  const range = rangeOf(opOf(node.kind)?.fusesAs);
  const [input] = node.inputs;
  if (range && typeof input === "number") return { value: input, low: range[0], high: range[1] };
  if (!maximum.is(node) && !minimum.is(node)) return undefined;
  for (const [value, bound] of bothOrders(node)) {
    const limit = scalarOf(graph, bound);
    if (limit === undefined || !sameShape(graph, value, node.outputs[0]!)) continue;
    return maximum.is(node)
      ? { value, low: limit, high: Number.POSITIVE_INFINITY }
      : { value, low: Number.NEGATIVE_INFINITY, high: limit };
  }
  return undefined;
}

/** What a tensor is clamped from, as a number times a value plus a number, and the range. */
export interface LinearClamp extends Linear {
  readonly low: number;
  readonly high: number;
}

/** The tensor as a clamp by one operator, by two, or by one that has it fused. */
export function clampedOf(graph: GraphRewrite, id: TensorId): LinearClamp | undefined {
  const node = graph.producerOf(id);
  const fused = rangeOf(String(node?.attributes.fusedActivationFunction));
  const before = node && fused ? linearBefore(graph, node) : undefined;
  if (fused && before) return { ...before, low: fused[0], high: fused[1] };
  const outer = clampIn(graph, node);
  if (!outer) return undefined;
  const inner = clampIn(graph, graph.producerOf(outer.value)) ?? outer;
  const [low, high] = [Math.max(outer.low, inner.low), Math.min(outer.high, inner.high)];
  return { ...linearOf(graph, inner.value), low, high };
}
