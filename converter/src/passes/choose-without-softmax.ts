/**
 * Softmax does not change which element is the greatest:
 *
 *     ARG_MAX(SOFTMAX(x), last axis)   →   ARG_MAX(x, last axis)          likewise LOG_SOFTMAX, and ARG_MIN
 */
import { argMax } from "../ops/arg-max.ts";
import { argMin } from "../ops/arg-min.ts";
import { logSoftmax } from "../ops/log-softmax.ts";
import { softmax } from "../ops/softmax.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const chooseWithoutSoftmax: Pass = {
  name: "choose-without-softmax",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [values, axis] = node.inputs;
      const before = graph.producerOf(values);
      const [x] = before?.inputs ?? [];
      if (!(argMax.is(node) || argMin.is(node)) || typeof x !== "number" || typeof axis !== "number") continue;
      const rising = logSoftmax.is(before) || (softmax.is(before) && softmax.attributesOf(before).beta > 0);
      const [along, ...others] = integersOf(graph, axis) ?? [];
      const isLast = along === -1 || along === graph.shapeOf(x).length - 1;
      if (rising && isLast && others.length === 0 && graph.tensor(x).dtype === "float32")
        graph.replace(node, { ...node, inputs: [x, axis] });
    }
  },
};
