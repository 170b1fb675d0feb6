/**
 * GELU that is spelt out becomes one operator, whatever the order of its product (Hendrycks and Gimpel 2016, eqs. 1 and 2):
 *
 *     x·½·(1 + ERF(x/√2))                      →   GELU(x)
 *     x·½·(1 + TANH(√(2/π)·(x + 0.044715·x³)))   →   GELU(x) approximate
 *
 * x·sigmoid(1.702·x) is another function and stays what it is.
 */
import type { TensorId } from "../ir/graph.ts";
import { div } from "../ops/div.ts";
import { erf } from "../ops/erf.ts";
import { gelu } from "../ops/gelu.ts";
import { mul } from "../ops/mul.ts";
import { tanh } from "../ops/tanh.ts";
import { linearOf, polynomialOf, productOf } from "./arithmetic.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { sameShape } from "./scalars.ts";

/** Coefficients of what goes into ERF or TANH. Other tools round them to as little as four digits. */
const exact = [0, Math.SQRT1_2];
const approximate = [0, Math.sqrt(2 / Math.PI), 0, Math.sqrt(2 / Math.PI) * 0.044715];
const tolerance = 1e-4;

export const recognizeGelu: Pass = {
  name: "recognize-gelu",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [output] = node.outputs;
      if (!(mul.is(node) || div.is(node)) || output === undefined) continue;
      const { values, factor } = productOf(graph, output, 3);
      const [a, b] = values;
      if (a === undefined || b === undefined || values.length !== 2) continue;
      for (const [x, gate] of [
        [a, b],
        [b, a],
      ] as const) {
        const kind = gateOf(graph, gate, x, factor);
        if (!kind || !sameShape(graph, x, output)) continue;
        const attributes = { approximate: kind === "approximate" };
        graph.replace(node, gelu.node({ name: node.name, inputs: [x], outputs: node.outputs, attributes }));
        break;
      }
    }
  },
};

/** Is `factor` times `id` half of 1 + ERF or TANH of the right polynomial in x? */
function gateOf(graph: GraphRewrite, id: TensorId, x: TensorId, factor: number): "exact" | "approximate" | undefined {
  const { value, factor: slope, offset } = linearOf(graph, id);
  if (!isClose([offset * factor, slope * factor], [0.5, 0.5])) return undefined;
  const curve = graph.producerOf(value);
  const [argument] = curve?.inputs ?? [];
  if (!curve || typeof argument !== "number") return undefined;
  const polynomial = polynomialOf(graph, argument, x);
  if (!polynomial) return undefined;
  if (erf.is(curve) && isClose(polynomial, exact)) return "exact";
  return tanh.is(curve) && isClose(polynomial, approximate) ? "approximate" : undefined;
}

const isClose = (found: readonly number[], wanted: readonly number[]): boolean =>
  found.length === wanted.length && found.every((one, at) => Math.abs(one - (wanted[at] ?? 0)) <= tolerance);
