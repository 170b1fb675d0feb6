/**
 * Powers that have an operator of their own, and are exact and fast there:
 *
 *     POW(x, 2) → SQUARE(x)    POW(x, ½) → SQRT(x)    POW(x, −½) → RSQRT(x)    POW(x, 3) → MUL(SQUARE(x), x)
 */
import type { Op } from "../ops/define-op.ts";
import { mul } from "../ops/mul.ts";
import { pow } from "../ops/pow.ts";
import { rsqrt } from "../ops/rsqrt.ts";
import { sqrt } from "../ops/sqrt.ts";
import { square } from "../ops/square.ts";
import type { Pass } from "./pass.ts";
import { sameShape, scalarOf } from "./scalars.ts";

const operatorOf = (power: number | undefined): { readonly node: Op["node"] } | undefined =>
  power === 2 ? square : power === 0.5 ? sqrt : power === -0.5 ? rsqrt : undefined;

export const recognizePow: Pass = {
  name: "recognize-pow",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [x, exponent] = node.inputs;
      const [output] = node.outputs;
      if (!pow.is(node) || typeof x !== "number" || output === undefined || !sameShape(graph, x, output)) continue;
      const power = scalarOf(graph, exponent);
      const { name, outputs } = node;
      const operator = operatorOf(power);
      if (operator) graph.replace(node, operator.node({ name, inputs: [x], outputs }));
      else if (power === 3) {
        const { dtype, shape } = graph.tensor(output);
        const squared = graph.addTensor({ name: `${name}/square`, dtype, shape });
        graph.replace(
          node,
          square.node({ name: `${name}/square`, inputs: [x], outputs: [squared] }),
          mul.node({ name, inputs: [squared, x], outputs }),
        );
      }
    }
  },
};
