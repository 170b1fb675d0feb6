/**
 * Division by a root becomes multiplication by a reciprocal root, which normalisations (layer, instance, RMS) take of one
 * number per row: the division of every element goes.
 *
 *     DIV(x, SQRT(v)) → MUL(x, RSQRT(v)), where v is smaller than x          DIV(1, SQRT(v)) → RSQRT(v)
 */
import { elementCount } from "../ir/graph.ts";
import { div } from "../ops/div.ts";
import { mul } from "../ops/mul.ts";
import { rsqrt } from "../ops/rsqrt.ts";
import { sqrt } from "../ops/sqrt.ts";
import type { Pass } from "./pass.ts";
import { sameShape, scalarOf } from "./scalars.ts";

export const recognizeRsqrt: Pass = {
  name: "recognize-rsqrt",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [x, root] = node.inputs;
      const [output] = node.outputs;
      const [value] = graph.producerOf(root)?.inputs ?? [];
      if (!div.is(node) || typeof x !== "number" || typeof value !== "number" || output === undefined) continue;
      if (!sqrt.is(graph.producerOf(root))) continue;
      const { dtype, shape } = graph.tensor(value);
      const { name, outputs, attributes } = node;
      if (
        scalarOf(graph, x) === 1 &&
        sameShape(graph, value, output) &&
        attributes.fusedActivationFunction === "NONE"
      ) {
        graph.replace(node, rsqrt.node({ name, inputs: [value], outputs }));
      } else if (!shape.includes(-1) && elementCount(shape) < elementCount(graph.shapeOf(output))) {
        const reciprocal = graph.addTensor({ name: `${name}/rsqrt`, dtype, shape });
        const { fusedActivationFunction } = div.attributesOf(node);
        graph.replace(
          node,
          rsqrt.node({ name: `${name}/rsqrt`, inputs: [value], outputs: [reciprocal] }),
          mul.node({ name, inputs: [x, reciprocal], outputs, attributes: { fusedActivationFunction } }),
        );
      }
    }
  },
};
