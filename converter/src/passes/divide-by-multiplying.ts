/**
 * Division by constants becomes multiplication: DIV has no int8 kernel, and is slower in float.
 *
 *     DIV(x, c)   →   MUL(x, 1/c)
 *
 * Each 1/c is rounded once, so results differ by half a unit in the last place.
 */
import { div } from "../ops/div.ts";
import { mul } from "../ops/mul.ts";
import { floatsOf } from "./affine.ts";
import type { Pass } from "./pass.ts";

/** Beyond so many the constant is data, not a divisor. */
const mostDivisors = 65_536;

export const divideByMultiplying: Pass = {
  name: "divide-by-multiplying",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [x, divisor] = node.inputs;
      if (!div.is(node) || typeof x !== "number" || typeof divisor !== "number" || graph.tensor(x).constant) continue;
      const { name, shape, constant } = graph.tensor(divisor);
      if (!constant || constant.byteLength > mostDivisors * 4) continue;
      const reciprocals = floatsOf(graph, divisor)?.().map((value) => 1 / value);
      if (!reciprocals?.every(Number.isFinite)) continue;
      const factor = graph.addValues(`${name}/reciprocal`, "float32", shape, reciprocals);
      const { fusedActivationFunction } = div.attributesOf(node);
      const attributes = { fusedActivationFunction };
      graph.replace(node, mul.node({ name: node.name, inputs: [x, factor], outputs: node.outputs, attributes }));
    }
  },
};
