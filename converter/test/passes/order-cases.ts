/** More of `pass-cases.ts`: what goes into another order, or is picked and joined, without a transpose. */
import type { TensorId } from "../../src/ir/graph.ts";
import { batchMatmul } from "../../src/ops/batch-matmul.ts";
import { concatenation } from "../../src/ops/concatenation.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { gatherNd } from "../../src/ops/gather-nd.ts";
import { leakyRelu } from "../../src/ops/leaky-relu.ts";
import { relu } from "../../src/ops/relu.ts";
import { tanh } from "../../src/ops/tanh.ts";
import { concatenateByParts } from "../../src/passes/concatenate-by-parts.ts";
import { gatherByAxes } from "../../src/passes/gather-by-axes.ts";
import { multiplyByWeights } from "../../src/passes/multiply-by-weights.ts";
import { orderRows } from "../../src/passes/order-rows.ts";
import { type GraphSketch, reshapeTo, transposeBy } from "./graph-sketch.ts";
import type { PassCases } from "./pass-cases.ts";

const rows = (g: GraphSketch, batch = 1): TensorId =>
  g.emit(fullyConnected, [g.input(batch, 5), g.weights([24, 5]), g.weights([24])]);

/** Three anchors of two values in one head, [1, 2, 3, 3, 2] of NHWC. */
const head = (g: GraphSketch, x: TensorId): TensorId =>
  reshapeTo(g, transposeBy(g, g.emit(tanh, [x]), 0, 3, 1, 2, 4), 1, 18, 2);

export const orderCases: readonly PassCases[] = [
  {
    pass: orderRows,
    phase: "canonical",
    rewritten: {
      "an image of rows": (g) =>
        g.emit(tanh, [transposeBy(g, reshapeTo(g, g.emit(relu, [rows(g, 2)]), 2, 4, 2, 3), 0, 2, 3, 1)]),
      "through an activation": (g) =>
        transposeBy(g, g.emit(leakyRelu, [reshapeTo(g, rows(g), 1, 4, 2, 3)], { alpha: 0.1 }), 0, 2, 3, 1),
    },
    untouched: {
      "rows of several samples": (g) => transposeBy(g, reshapeTo(g, rows(g, 2), 1, 8, 2, 3), 0, 2, 3, 1),
      "the image is used as it is, too": (g) => {
        const image = reshapeTo(g, rows(g), 1, 4, 2, 3);
        return [transposeBy(g, image, 0, 2, 3, 1), g.emit(tanh, [image])];
      },
      "what is no product": (g) => transposeBy(g, reshapeTo(g, g.input(1, 24), 1, 4, 2, 3), 0, 2, 3, 1),
    },
  },
  {
    pass: gatherByAxes,
    phase: "canonical",
    rewritten: {
      "along one axis": (g) => g.emit(gatherNd, [g.input(4, 2, 3), g.integers([3, 1], [2, 0, 2])]),
      "a grid": (g) => {
        const places = [3, 0, 3, 2, 3, 2, 1, 0, 1, 2, 1, 2];
        return g.emit(gatherNd, [g.input(4, 3, 2), g.integers([2, 3, 2], places)]);
      },
    },
    untouched: {
      "a diagonal": (g) => g.emit(gatherNd, [g.input(4, 3, 2), g.integers([3, 2], [0, 0, 1, 1, 2, 2])]),
      "places that are no grid": (g) =>
        g.emit(gatherNd, [g.input(4, 3, 2), g.integers([2, 2, 2], [0, 0, 0, 1, 1, 0, 2, 1])]),
    },
  },
  {
    pass: concatenateByParts,
    phase: "canonical",
    rewritten: {
      "anchors of two heads": (g) =>
        g.emit(concatenation, [head(g, g.input(1, 2, 3, 3, 2)), g.input(1, 4, 2), head(g, g.input(1, 3, 2, 3, 2))], {
          axis: 1,
        }),
    },
    untouched: {
      "joined along another axis": (g) =>
        g.emit(concatenation, [head(g, g.input(1, 2, 3, 3, 2)), g.input(1, 18, 2)], { axis: 2 }),
      "a head twice": (g) => {
        const one = head(g, g.input(1, 2, 3, 3, 2));
        return g.emit(concatenation, [one, one], { axis: 1 });
      },
      "rows in another order": (g) => {
        const turned = transposeBy(g, g.input(1, 2, 3, 3, 2), 0, 3, 2, 1, 4);
        return g.emit(concatenation, [reshapeTo(g, turned, 1, 18, 2), g.input(1, 4, 2)], { axis: 1 });
      },
    },
  },
  {
    pass: multiplyByWeights,
    phase: "canonical",
    rewritten: {
      "a product that is transposed": (g) =>
        transposeBy(g, g.emit(batchMatmul, [g.input(2, 3, 4), g.input(2, 5, 4)], { adjY: true }), 0, 2, 1),
    },
    untouched: {
      "a product that is used as it is, too": (g) => {
        const product = g.emit(batchMatmul, [g.input(2, 3, 4), g.input(2, 4, 5)]);
        return [transposeBy(g, product, 0, 2, 1), g.emit(tanh, [product])];
      },
    },
  },
];
