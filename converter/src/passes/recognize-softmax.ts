/**
 * Softmax over the last axis that is spelt out becomes one operator, with or without its maximum taken off before:
 *
 *     e = EXP(SUB(x, REDUCE_MAX(x))); y = DIV(e, SUM(e))   →   y = SOFTMAX(x)
 */
import type { Node, TensorId } from "../ir/graph.ts";
import { div } from "../ops/div.ts";
import { exp } from "../ops/exp.ts";
import { reduceMax } from "../ops/reduce-max.ts";
import { softmax } from "../ops/softmax.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { isLinear } from "./affine.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { reducesLastAxis } from "./scalars.ts";

export const recognizeSoftmax: Pass = {
  name: "recognize-softmax",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const logits = div.is(node) && isLinear(node) ? logitsOf(graph, node) : undefined;
      if (logits === undefined) continue;
      const { name, outputs } = node;
      graph.replace(node, softmax.node({ name, inputs: [logits], outputs, attributes: { beta: 1 } }));
    }
  },
};

function logitsOf(graph: GraphRewrite, division: Node): TensorId | undefined {
  const [numerator, denominator] = division.inputs;
  const power = graph.producerOf(numerator);
  const total = graph.producerOf(denominator);
  if (!exp.is(power) || !sum.is(total) || total.inputs[0] !== numerator || !reducesLastAxis(graph, total))
    return undefined;
  const [exponent] = power.inputs;
  if (typeof exponent !== "number" || graph.tensor(exponent).dtype !== "float32") return undefined;
  const difference = graph.producerOf(exponent);
  if (!sub.is(difference) || !isLinear(difference)) return exponent;
  const [x, greatest] = difference.inputs;
  const maximum = graph.producerOf(greatest);
  const isShifted = reduceMax.is(maximum) && maximum.inputs[0] === x && reducesLastAxis(graph, maximum);
  return isShifted && typeof x === "number" ? x : exponent;
}
