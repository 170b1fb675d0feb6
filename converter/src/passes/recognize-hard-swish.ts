/**
 * Hard swish that is spelt out becomes one operator, in whatever order its product is taken and wherever its sixth stands:
 *
 *     MUL(x, MUL(RELU6(ADD(x, 3)), 1/6))   DIV(MUL(x, RELU6(ADD(x, 3))), 6)
 *     MUL(x, MINIMUM(MAXIMUM(ADD(MUL(x, 1/6), 1/2), 0), 1))                       →   HARD_SWISH(x)
 */
import type { TensorId } from "../ir/graph.ts";
import { div } from "../ops/div.ts";
import { hardSwish } from "../ops/hard-swish.ts";
import { mul } from "../ops/mul.ts";
import { productOf } from "./arithmetic.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { clampedOf } from "./recognize-clamp.ts";
import { isAbout, sameShape } from "./scalars.ts";

export const recognizeHardSwish: Pass = {
  name: "recognize-hard-swish",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [output] = node.outputs;
      if (!(mul.is(node) || div.is(node)) || output === undefined) continue;
      const { values, factor } = productOf(graph, output, 3);
      const [a, b] = values;
      if (a === undefined || b === undefined || values.length !== 2) continue;
      const x = isGate(graph, b, a, factor) ? a : isGate(graph, a, b, factor) ? b : undefined;
      if (x === undefined || !sameShape(graph, x, output)) continue;
      graph.replace(node, hardSwish.node({ name: node.name, inputs: [x], outputs: node.outputs }));
    }
  },
};

/** Is `factor` times `id` a sixth of x + 3, clamped to 0 and 1? */
function isGate(graph: GraphRewrite, id: TensorId, x: TensorId, factor: number): boolean {
  const clamp = clampedOf(graph, id);
  if (!clamp) return false;
  const { value, factor: slope, offset, low, high } = clamp;
  const isClose = (found: number, wanted: number) => isAbout(found * factor, wanted);
  return value === x && low === 0 && isClose(high, 1) && isClose(slope, 1 / 6) && isClose(offset, 1 / 2);
}
