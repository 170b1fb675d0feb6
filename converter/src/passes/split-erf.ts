/**
 * The error function that is no part of GELU, as Abramowitz and Stegun's formula 7.1.26, error below 1.5e-7:
 *
 *     y = ERF(x)   →   y = SELECT_V2(x < 0, −p, p)     p = 1 − (a₁t + … + a₅t⁵)·e^(−x²),  t = 1 / (1 + 0.3275911·|x|)
 */
import type { DType, Node, Shape, TensorId } from "../ir/graph.ts";
import { abs } from "../ops/abs.ts";
import { add } from "../ops/add.ts";
import type { Op } from "../ops/define-op.ts";
import { div } from "../ops/div.ts";
import { erf } from "../ops/erf.ts";
import { exp } from "../ops/exp.ts";
import { less } from "../ops/less.ts";
import { mul } from "../ops/mul.ts";
import { neg } from "../ops/neg.ts";
import { selectV2 } from "../ops/select-v2.ts";
import { square } from "../ops/square.ts";
import { sub } from "../ops/sub.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";

/** a₅ to a₁. */
const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];

export const splitErf: Pass = {
  name: "split-erf",
  run: (graph) => {
    for (const node of graph.nodes()) {
      const [x] = node.inputs;
      const [output] = node.outputs;
      if (!erf.is(node) || typeof x !== "number" || output === undefined) continue;
      const nodes = new Spelling(graph, node.name, graph.shapeOf(x)).erf(x, output);
      graph.replace(node, ...nodes);
    }
  },
};

class Spelling {
  readonly #graph: GraphRewrite;
  readonly #name: string;
  readonly #shape: Shape;
  readonly #nodes: Node[] = [];

  constructor(graph: GraphRewrite, name: string, shape: Shape) {
    this.#graph = graph;
    this.#name = name;
    this.#shape = shape;
  }

  erf(x: TensorId, output: TensorId): readonly Node[] {
    const size = this.#emit(abs, "size", [x]);
    const scaled = this.#emit(mul, "scaled", [size, this.#number("slope", 0.3275911)]);
    const t = this.#emit(div, "t", [this.#number("one", 1), this.#emit(add, "sum", [scaled, this.#number("one", 1)])]);
    let polynomial = this.#number("a5", coefficients[0] ?? 0);
    for (const [at, next] of coefficients.slice(1).entries()) {
      const term = this.#emit(mul, `term${5 - at}`, [polynomial, t]);
      polynomial = this.#emit(add, `sum${4 - at}`, [term, this.#number(`a${4 - at}`, next)]);
    }
    const bell = this.#emit(exp, "bell", [this.#emit(neg, "minus", [this.#emit(square, "square", [x])])]);
    const rest = this.#emit(mul, "rest", [this.#emit(mul, "term1", [polynomial, t]), bell]);
    const positive = this.#emit(sub, "positive", [this.#number("one", 1), rest]);
    const isNegative = this.#emit(less, "negative", [x, this.#number("zero", 0)], "bool");
    const turned = this.#emit(neg, "turned", [positive]);
    const inputs = [isNegative, turned, positive];
    return [...this.#nodes, selectV2.node({ name: this.#name, inputs, outputs: [output] })];
  }

  #number(name: string, value: number): TensorId {
    return this.#graph.addValues(`${this.#name}/${name}`, "float32", [], [value]);
  }

  #emit(
    op: { readonly node: Op["node"] },
    part: string,
    inputs: readonly TensorId[],
    dtype: DType = "float32",
  ): TensorId {
    const name = `${this.#name}/${part}`;
    const output = this.#graph.addTensor({ name, dtype, shape: this.#shape });
    this.#nodes.push(op.node({ name, inputs, outputs: [output] }));
    return output;
  }
}
