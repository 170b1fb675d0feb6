/**
 * The logarithm of a softmax becomes one operator, which does not underflow:
 *
 *     LOG(SOFTMAX(x))   SUB(d, LOG(SUM(EXP(d)))) with d = SUB(x, REDUCE_MAX(x)) or x        →   LOG_SOFTMAX(x)
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { exp } from "../ops/exp.ts";
import { log } from "../ops/log.ts";
import { logSoftmax } from "../ops/log-softmax.ts";
import { reduceMax } from "../ops/reduce-max.ts";
import { softmax } from "../ops/softmax.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { reducesLastAxis } from "./scalars.ts";

export const recognizeLogSoftmax: Pass = {
  name: "recognize-log-softmax",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const x = log.is(node) ? ofSoftmax(graph, node) : sub.is(node) && isLinear(node) ? spelt(graph, node) : undefined;
      if (x === undefined) continue;
      graph.replace(node, logSoftmax.node({ name: node.name, inputs: [x], outputs: node.outputs }));
    }
  },
};

function ofSoftmax(graph: GraphRewrite, node: Node): TensorId | undefined {
  const inner = graph.producerOf(node.inputs[0]);
  const [x] = inner?.inputs ?? [];
  return softmax.is(inner) && softmax.attributesOf(inner).beta === 1 && typeof x === "number" ? x : undefined;
}

function spelt(graph: GraphRewrite, node: Node): TensorId | undefined {
  const [difference, logarithm] = node.inputs;
  const logNode = graph.producerOf(logarithm);
  const total = graph.producerOf(logNode?.inputs[0]);
  const power = graph.producerOf(total?.inputs[0]);
  if (typeof difference !== "number" || !log.is(logNode) || !sum.is(total) || !exp.is(power)) return undefined;
  if (power.inputs[0] !== difference || !reducesLastAxis(graph, total)) return undefined;
  const shift = graph.producerOf(difference);
  const [x, greatest] = shift?.inputs ?? [];
  const maximum = graph.producerOf(greatest);
  const isShifted = sub.is(shift) && isLinear(shift) && reduceMax.is(maximum) && maximum.inputs[0] === x;
  return isShifted && typeof x === "number" && reducesLastAxis(graph, maximum) ? x : difference;
}
