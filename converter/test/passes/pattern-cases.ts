/** More of `pass-cases.ts`: operators that are spelt out, and layouts. */
import type { TensorId } from "../../src/ir/graph.ts";
import { add } from "../../src/ops/add.ts";
import { argMax } from "../../src/ops/arg-max.ts";
import { batchMatmul } from "../../src/ops/batch-matmul.ts";
import { batchToSpaceNd } from "../../src/ops/batch-to-space-nd.ts";
import { broadcastTo } from "../../src/ops/broadcast-to.ts";
import { cast } from "../../src/ops/cast.ts";
import { concatenation } from "../../src/ops/concatenation.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { div } from "../../src/ops/div.ts";
import { erf } from "../../src/ops/erf.ts";
import { exp } from "../../src/ops/exp.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { gather } from "../../src/ops/gather.ts";
import { gatherNd } from "../../src/ops/gather-nd.ts";
import { log } from "../../src/ops/log.ts";
import { logistic } from "../../src/ops/logistic.ts";
import { maximum } from "../../src/ops/maximum.ts";
import { mean } from "../../src/ops/mean.ts";
import { minimum } from "../../src/ops/minimum.ts";
import { mul } from "../../src/ops/mul.ts";
import { pack } from "../../src/ops/pack.ts";
import { pow } from "../../src/ops/pow.ts";
import { prelu } from "../../src/ops/prelu.ts";
import { reduceMax } from "../../src/ops/reduce-max.ts";
import { relu } from "../../src/ops/relu.ts";
import { rsqrt } from "../../src/ops/rsqrt.ts";
import { selectV2 } from "../../src/ops/select-v2.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { spaceToBatchNd } from "../../src/ops/space-to-batch-nd.ts";
import { split } from "../../src/ops/split.ts";
import { sqrt } from "../../src/ops/sqrt.ts";
import { square } from "../../src/ops/square.ts";
import { squaredDifference } from "../../src/ops/squared-difference.ts";
import { stridedSlice } from "../../src/ops/strided-slice.ts";
import { sub } from "../../src/ops/sub.ts";
import { sum } from "../../src/ops/sum.ts";
import { tanh } from "../../src/ops/tanh.ts";
import { tile } from "../../src/ops/tile.ts";
import { unpack } from "../../src/ops/unpack.ts";
import { assignLayouts } from "../../src/passes/assign-layouts.ts";
import { chooseWithoutSoftmax } from "../../src/passes/choose-without-softmax.ts";
import { divideByMultiplying } from "../../src/passes/divide-by-multiplying.ts";
import { flattenIntoFullyConnected } from "../../src/passes/flatten-into-fully-connected.ts";
import { foldDilation } from "../../src/passes/fold-dilation.ts";
import { foldIntoNext } from "../../src/passes/fold-into-next.ts";
import { gatherBySlicing } from "../../src/passes/gather-by-slicing.ts";
import { joinParts } from "../../src/passes/join-parts.ts";
import { keepDimensions } from "../../src/passes/keep-dimensions.ts";
import { multiplyByWeights } from "../../src/passes/multiply-by-weights.ts";
import { narrowTransposes } from "../../src/passes/narrow-transposes.ts";
import { openFlattened } from "../../src/passes/open-flattened.ts";
import { orderChannels } from "../../src/passes/order-channels.ts";
import { recognizeGelu } from "../../src/passes/recognize-gelu.ts";
import { recognizeHardSwish } from "../../src/passes/recognize-hard-swish.ts";
import { recognizeL2Normalization } from "../../src/passes/recognize-l2-normalization.ts";
import { recognizeLogSoftmax } from "../../src/passes/recognize-log-softmax.ts";
import { recognizePow } from "../../src/passes/recognize-pow.ts";
import { recognizePrelu } from "../../src/passes/recognize-prelu.ts";
import { recognizeResize } from "../../src/passes/recognize-resize.ts";
import { recognizeRsqrt } from "../../src/passes/recognize-rsqrt.ts";
import { recognizeShuffle } from "../../src/passes/recognize-shuffle.ts";
import { removeIdentities } from "../../src/passes/remove-identities.ts";
import { splitErf } from "../../src/passes/split-erf.ts";
import { type GraphSketch, reshapeTo, transposeBy } from "./graph-sketch.ts";
import type { Draw, PassCases } from "./pass-cases.ts";

const channelsFirst = (g: GraphSketch, channels: number): TensorId =>
  transposeBy(g, g.input(1, 4, 4, channels), 0, 3, 1, 2);
const number = (g: GraphSketch, value: number): TensorId => g.floats([], [value]);
const times = (g: GraphSketch, x: TensorId, value: number): TensorId => g.emit(mul, [x, number(g, value)]);
const plus = (g: GraphSketch, x: TensorId, value: number): TensorId => g.emit(add, [x, number(g, value)]);
const overLast = (g: GraphSketch): TensorId => g.integers([1], [-1]);
const image = (g: GraphSketch, channels = 3): TensorId => g.input(1, 6, 6, channels);
const point = (g: GraphSketch, x: TensorId, from: number, to: number): TensorId =>
  g.emit(conv2d, [x, g.weights([to, 1, 1, from]), g.weights([to])], { padding: "VALID" });

const erfGate = (g: GraphSketch, x: TensorId): TensorId => plus(g, g.emit(erf, [times(g, x, Math.SQRT1_2)]), 1);
const tanhGate = (g: GraphSketch, x: TensorId, cube: TensorId): TensorId => {
  const inner = times(g, g.emit(add, [x, times(g, cube, 0.044715)]), Math.sqrt(2 / Math.PI));
  return plus(g, g.emit(tanh, [inner]), 1);
};

const shifted = (g: GraphSketch, x: TensorId): TensorId =>
  g.emit(sub, [x, g.emit(reduceMax, [x, overLast(g)], { keepDims: true })]);
const logSum = (g: GraphSketch, x: TensorId): TensorId =>
  g.emit(log, [g.emit(sum, [g.emit(exp, [x]), overLast(g)], { keepDims: true })]);

const squares = (g: GraphSketch, x: TensorId): TensorId =>
  g.emit(sum, [g.emit(square, [x]), overLast(g)], { keepDims: true });

const apart = (g: GraphSketch, x: TensorId, paddings: readonly number[], cut: readonly number[]): TensorId => {
  const block = g.integers([2], [2, 2]);
  const spread = g.emit(spaceToBatchNd, [x, block, g.integers([2, 2], paddings)]);
  const made = g.emit(conv2d, [spread, g.weights([4, 3, 3, 3]), g.weights([4])], { padding: "VALID" });
  return g.emit(batchToSpaceNd, [made, block, g.integers([2, 2], cut)]);
};

const gates: Record<string, Draw> = {
  "a sixth and a half before the clamp": (g) => {
    const x = image(g);
    const low = g.emit(maximum, [plus(g, times(g, x, 1 / 6), 0.5), number(g, 0)]);
    return g.emit(mul, [x, g.emit(minimum, [low, number(g, 1)])]);
  },
};

export const patternCases: readonly PassCases[] = [
  {
    pass: recognizeHardSwish,
    phase: "canonical",
    rewritten: gates,
    untouched: {
      "another slope": (g) => {
        const x = image(g);
        const low = g.emit(maximum, [plus(g, times(g, x, 0.2), 0.5), number(g, 0)]);
        return g.emit(mul, [x, g.emit(minimum, [low, number(g, 1)])]);
      },
    },
  },
  {
    pass: recognizePrelu,
    phase: "canonical",
    rewritten: {
      "one slope for all": (g) => g.emit(prelu, [image(g), g.floats([3], [0.25, 0.25, 0.25])]),
    },
    untouched: {
      "a slope for each": (g) => g.emit(prelu, [image(g), g.floats([3], [0.25, 0.5, 0.75])]),
    },
  },
  {
    pass: recognizeGelu,
    phase: "imported",
    rewritten: {
      "ERF, halved at the end": (g) => {
        const x = image(g);
        return times(g, g.emit(mul, [x, erfGate(g, x)]), 0.5);
      },
      "ERF, halved first": (g) => {
        const x = image(g);
        return g.emit(mul, [times(g, x, 0.5), erfGate(g, x)]);
      },
      "TANH of a polynomial with a power": (g) => {
        const x = image(g);
        return g.emit(mul, [times(g, x, 0.5), tanhGate(g, x, g.emit(pow, [x, number(g, 3)]))]);
      },
      "TANH of a polynomial with products": (g) => {
        const x = image(g);
        return times(g, g.emit(mul, [x, tanhGate(g, x, g.emit(mul, [g.emit(mul, [x, x]), x]))]), 0.5);
      },
    },
    untouched: {
      "sigmoid of 1.702 x": (g) => {
        const x = image(g);
        return g.emit(mul, [x, g.emit(logistic, [times(g, x, 1.702)])]);
      },
      "another cube": (g) => {
        const x = image(g);
        return g.emit(mul, [times(g, x, 0.5), tanhGate(g, x, g.emit(mul, [x, x]))]);
      },
    },
  },
  {
    pass: splitErf,
    phase: "imported",
    rewritten: { alone: (g) => g.emit(erf, [image(g)]) },
    untouched: { "nothing to split": (g) => g.emit(tanh, [image(g)]) },
  },
  {
    pass: recognizePow,
    phase: "canonical",
    rewritten: {
      square: (g) => g.emit(pow, [image(g), number(g, 2)]),
      "square root": (g) => g.emit(pow, [g.emit(square, [image(g)]), number(g, 0.5)]),
      "reciprocal root": (g) => g.emit(pow, [plus(g, g.emit(square, [image(g)]), 1), number(g, -0.5)]),
      cube: (g) => g.emit(pow, [image(g), number(g, 3)]),
    },
    untouched: { "some power": (g) => g.emit(pow, [g.emit(exp, [image(g)]), number(g, 1.5)]) },
  },
  {
    pass: recognizeLogSoftmax,
    phase: "canonical",
    rewritten: {
      "LOG of SOFTMAX": (g) => g.emit(log, [g.emit(softmax, [g.input(2, 5)], { beta: 1 })]),
      "spelt out with its maximum": (g) => {
        const x = shifted(g, g.input(2, 5));
        return g.emit(sub, [x, logSum(g, x)]);
      },
      "spelt out without": (g) => {
        const x = g.input(2, 5);
        return g.emit(sub, [x, logSum(g, x)]);
      },
    },
    untouched: {
      "the sum of another": (g) => g.emit(sub, [g.input(2, 5), logSum(g, g.input(2, 5))]),
      "another beta": (g) => g.emit(log, [g.emit(softmax, [g.input(2, 5)], { beta: 0.5 })]),
    },
  },
  {
    pass: chooseWithoutSoftmax,
    phase: "canonical",
    rewritten: {
      "the last axis": (g) => {
        const place = g.emit(argMax, [g.emit(softmax, [g.input(2, 5)], { beta: 1 }), overLast(g)]);
        return g.emit(cast, [place], { inDataType: "INT32", outDataType: "FLOAT32" });
      },
    },
    untouched: {
      "another axis": (g) => g.emit(argMax, [g.emit(softmax, [g.input(2, 5)], { beta: 1 }), g.integers([1], [0])]),
    },
  },
  {
    pass: recognizeL2Normalization,
    phase: "canonical",
    rewritten: {
      "by a root": (g) => {
        const x = g.input(2, 5);
        return g.emit(div, [x, g.emit(sqrt, [squares(g, x)])]);
      },
      "by a reciprocal root above a floor": (g) => {
        const x = g.input(2, 5);
        return g.emit(mul, [g.emit(rsqrt, [g.emit(maximum, [squares(g, x), number(g, 1e-12)])]), x]);
      },
      "by a root above a floor": (g) => {
        const x = g.input(2, 5);
        return g.emit(div, [x, g.emit(maximum, [g.emit(sqrt, [squares(g, x)]), number(g, 1e-12)])]);
      },
    },
    untouched: {
      "a floor that counts": (g) => {
        const x = g.input(2, 5);
        return g.emit(mul, [g.emit(rsqrt, [g.emit(maximum, [squares(g, x), number(g, 1)])]), x]);
      },
      "the length of another": (g) => g.emit(div, [g.input(2, 5), g.emit(sqrt, [squares(g, g.input(2, 5))])]),
    },
  },
  {
    pass: recognizeRsqrt,
    phase: "canonical",
    rewritten: {
      "layer norm": (g) => {
        const x = g.input(2, 5);
        const average = g.emit(mean, [x, overLast(g)], { keepDims: true });
        const spread = g.emit(mean, [g.emit(squaredDifference, [x, average]), overLast(g)], { keepDims: true });
        return g.emit(div, [g.emit(sub, [x, average]), g.emit(sqrt, [plus(g, spread, 1e-5)])]);
      },
      "one over a root": (g) => g.emit(div, [number(g, 1), g.emit(sqrt, [plus(g, g.emit(square, [image(g)]), 1)])]),
    },
    untouched: {
      "a root as large": (g) => g.emit(div, [image(g), g.emit(sqrt, [plus(g, g.emit(square, [image(g)]), 1)])]),
    },
  },
  {
    pass: divideByMultiplying,
    phase: "canonical",
    rewritten: {
      "by a number": (g) => g.emit(div, [image(g), number(g, 255)]),
      "by channel": (g) => g.emit(div, [image(g), g.floats([3], [1, 2, 3])], { fusedActivationFunction: "RELU" }),
    },
    untouched: {
      "by zero": (g) => g.emit(div, [image(g), g.floats([3], [1, 0, 3])]),
      "of a number": (g) => g.emit(div, [number(g, 1), plus(g, g.emit(square, [image(g)]), 1)]),
    },
  },
  {
    pass: recognizeResize,
    phase: "canonical",
    rewritten: {
      "by TILE": (g) => {
        const spread = reshapeTo(g, image(g), 1, 6, 1, 6, 1, 3);
        return reshapeTo(g, g.emit(tile, [spread, g.integers([6], [1, 1, 2, 1, 3, 1])]), 1, 12, 18, 3);
      },
      "by ones": (g) => {
        const spread = reshapeTo(g, image(g), 1, 6, 1, 6, 1, 3);
        return reshapeTo(g, g.emit(mul, [spread, g.floats([1, 1, 2, 1, 2, 1], [1, 1, 1, 1])]), 1, 12, 12, 3);
      },
      "by BROADCAST_TO": (g) => {
        const spread = reshapeTo(g, image(g), 1, 6, 1, 6, 1, 3);
        return reshapeTo(g, g.emit(broadcastTo, [spread, g.integers([6], [1, 6, 2, 6, 2, 3])]), 1, 12, 12, 3);
      },
    },
    untouched: {
      "whole images side by side": (g) => {
        const spread = reshapeTo(g, image(g), 1, 1, 6, 1, 6, 3);
        return reshapeTo(g, g.emit(tile, [spread, g.integers([6], [1, 2, 1, 2, 1, 1])]), 1, 12, 12, 3);
      },
    },
  },
  {
    pass: gatherBySlicing,
    phase: "canonical",
    rewritten: {
      GATHER: (g) => g.emit(gather, [image(g), g.integers([3], [2, 3, 4])], { axis: 2 }),
      GATHER_ND: (g) => g.emit(gatherNd, [g.input(5, 3), g.integers([2, 1], [1, 2])]),
    },
    untouched: { "with gaps": (g) => g.emit(gather, [image(g), g.integers([3], [1, 3, 5])], { axis: 2 }) },
  },
  {
    pass: joinParts,
    phase: "canonical",
    rewritten: {
      "UNPACK and CONCATENATION": (g) =>
        g.emit(concatenation, g.emitAll(unpack, [g.input(2, 3, 4)], { axis: 1, num: 3 }, 3), { axis: 1 }),
      "UNPACK and PACK": (g) =>
        g.emit(pack, g.emitAll(unpack, [g.input(2, 3, 4)], { axis: 1, num: 3 }, 3), { axis: 1, valuesCount: 3 }),
      "SPLIT and CONCATENATION": (g) =>
        g.emit(concatenation, g.emitAll(split, [g.integers([], [2]), g.input(2, 3, 4)], { numSplits: 2 }, 2), {
          axis: -1,
        }),
    },
    untouched: {
      "along another axis": (g) =>
        g.emit(concatenation, g.emitAll(unpack, [g.input(2, 3, 4)], { axis: 1, num: 3 }, 3), { axis: 0 }),
      "in another order": (g) =>
        g.emit(
          concatenation,
          g.emitAll(split, [g.integers([], [2]), g.input(2, 3, 4)], { numSplits: 2 }, 2).reverse(),
          { axis: 2 },
        ),
    },
  },
  {
    pass: orderChannels,
    phase: "canonical",
    rewritten: {
      "through an activation": (g) =>
        g.emit(tanh, [
          g.emit(gather, [g.emit(relu, [point(g, image(g), 3, 4)]), g.integers([4], [2, 0, 3, 1])], { axis: 3 }),
        ]),
    },
    untouched: {
      "a channel twice": (g) =>
        g.emit(tanh, [g.emit(gather, [point(g, image(g), 3, 4), g.integers([4], [2, 0, 2, 1])], { axis: 3 })]),
      groups: (g) => {
        const grouped = g.emit(conv2d, [image(g, 4), g.weights([4, 1, 1, 2]), g.weights([4])], { padding: "VALID" });
        return g.emit(tanh, [g.emit(gather, [grouped, g.integers([4], [2, 0, 3, 1])], { axis: 3 })]);
      },
    },
  },
  {
    pass: multiplyByWeights,
    phase: "canonical",
    rewritten: {
      "a matrix": (g) => g.emit(batchMatmul, [g.input(2, 3, 4), g.weights([4, 5])]),
      "a matrix, transposed": (g) => g.emit(batchMatmul, [g.input(2, 3, 4), g.weights([5, 4])], { adjY: true }),
      "transposes of both": (g) =>
        g.emit(batchMatmul, [transposeBy(g, g.input(2, 4, 3), 0, 2, 1), transposeBy(g, g.input(2, 5, 4), 0, 2, 1)]),
    },
    untouched: {
      "a matrix for each": (g) => g.emit(batchMatmul, [g.input(2, 3, 4), g.weights([2, 4, 5])]),
      "another transpose": (g) => g.emit(batchMatmul, [transposeBy(g, g.input(3, 2, 4), 1, 0, 2), g.input(2, 4, 5)]),
    },
  },
  {
    pass: keepDimensions,
    phase: "canonical",
    rewritten: {
      MEAN: (g) => reshapeTo(g, g.emit(mean, [image(g), g.integers([2], [1, 2])], { keepDims: false }), 1, 1, 1, 3),
      FULLY_CONNECTED: (g) =>
        reshapeTo(g, g.emit(fullyConnected, [g.input(2, 3, 4), g.weights([5, 4]), g.weights([5])]), 2, 3, 5),
    },
    untouched: {
      "another shape": (g) =>
        reshapeTo(g, g.emit(mean, [image(g), g.integers([2], [1, 2])], { keepDims: false }), 1, 3, 1, 1),
      "another use": (g) => {
        const x = g.emit(mean, [image(g), g.integers([2], [1, 2])], { keepDims: false });
        return [reshapeTo(g, x, 1, 1, 1, 3), g.emit(tanh, [x])];
      },
    },
  },
  {
    pass: foldDilation,
    phase: "canonical",
    rewritten: {
      "as SAME": (g) => apart(g, image(g), [2, 2, 2, 2], [0, 0, 0, 0]),
      "as VALID": (g) => apart(g, image(g), [0, 0, 0, 0], [0, 0, 0, 0]),
    },
    untouched: { "zeros on one side": (g) => apart(g, image(g), [4, 0, 4, 0], [0, 0, 0, 0]) },
  },
  {
    pass: foldIntoNext,
    phase: "canonical",
    rewritten: {
      "a factor by channel": (g) =>
        g.emit(conv2d, [g.emit(mul, [image(g), g.weights([3])]), g.weights([4, 3, 3, 3]), g.weights([4])], {
          padding: "SAME",
        }),
      "an offset into a convolution without padding": (g) =>
        g.emit(conv2d, [g.emit(sub, [image(g), g.weights([3])]), g.weights([4, 3, 3, 3]), null], { padding: "VALID" }),
      "an offset into a product": (g) => g.emit(fullyConnected, [plus(g, g.input(2, 4), 3), g.weights([5, 4]), null]),
    },
    untouched: {
      "an offset under zeros": (g) =>
        g.emit(conv2d, [plus(g, image(g), 1), g.weights([4, 3, 3, 3]), g.weights([4])], { padding: "SAME" }),
      "another use": (g) => {
        const x = times(g, image(g), 3);
        return [point(g, x, 3, 4), g.emit(tanh, [x])];
      },
      groups: (g) =>
        g.emit(conv2d, [g.emit(mul, [image(g, 4), g.weights([4])]), g.weights([4, 3, 3, 2]), g.weights([4])], {
          padding: "SAME",
        }),
    },
  },
  {
    pass: recognizeShuffle,
    phase: "imported",
    rewritten: {
      "pixel shuffle, channels first": (g) => {
        const x = reshapeTo(g, g.input(1, 8, 3, 5), 1, 2, 2, 2, 3, 5);
        return reshapeTo(g, transposeBy(g, x, 0, 1, 4, 2, 5, 3), 1, 2, 6, 10);
      },
      "depth to space, channels first": (g) => {
        const x = reshapeTo(g, g.input(1, 12, 4, 5), 1, 2, 2, 3, 4, 5);
        return reshapeTo(g, transposeBy(g, x, 0, 3, 4, 1, 5, 2), 1, 3, 8, 10);
      },
      "depth to space, channels last": (g) => {
        const x = reshapeTo(g, g.input(1, 4, 5, 12), 1, 4, 5, 2, 2, 3);
        return reshapeTo(g, transposeBy(g, x, 0, 1, 3, 2, 4, 5), 1, 8, 10, 3);
      },
      channels: (g) =>
        reshapeTo(g, transposeBy(g, reshapeTo(g, g.input(1, 6, 4, 5), 1, 2, 3, 4, 5), 0, 2, 1, 3, 4), 1, 6, 4, 5),
    },
    untouched: {
      "blocks of two sizes": (g) => {
        const x = reshapeTo(g, g.input(1, 6, 4, 5), 1, 1, 2, 3, 4, 5);
        return reshapeTo(g, transposeBy(g, x, 0, 1, 4, 2, 5, 3), 1, 1, 8, 15);
      },
      "heads of attention": (g) =>
        reshapeTo(g, transposeBy(g, reshapeTo(g, g.input(1, 4, 6), 1, 4, 2, 3), 0, 2, 1, 3), 2, 4, 3),
    },
  },
  {
    pass: openFlattened,
    phase: "imported",
    rewritten: {
      "group norm": (g) => {
        const x = reshapeTo(g, channelsFirst(g, 6), 1, 3, 32);
        const average = g.emit(mean, [x, overLast(g)], { keepDims: true });
        const spread = g.emit(mean, [g.emit(squaredDifference, [x, average]), overLast(g)], { keepDims: true });
        const normal = g.emit(mul, [g.emit(sub, [x, average]), g.emit(rsqrt, [plus(g, spread, 1e-5)])]);
        const scaled = g.emit(mul, [normal, g.weights([3, 1])]);
        return g.emit(tanh, [reshapeTo(g, scaled, 1, 6, 4, 4)]);
      },
      "a distance": (g) => {
        const [a, b] = [channelsFirst(g, 3), channelsFirst(g, 3)].map((x) => reshapeTo(g, x, 1, 48));
        return g.emit(sum, [g.emit(square, [g.emit(sub, [a!, b!])]), overLast(g)], { keepDims: false });
      },
    },
    untouched: {
      "a use that tells the order": (g) => {
        const x = reshapeTo(g, channelsFirst(g, 3), 1, 48);
        return [g.emit(sum, [x, overLast(g)]), g.emit(softmax, [x], { beta: 1 })];
      },
      "nothing but a reshape": (g) => g.emit(tanh, [reshapeTo(g, channelsFirst(g, 3), 1, 48)]),
    },
  },
  {
    pass: narrowTransposes,
    phase: "canonical",
    rewritten: {
      "windows of an image": (g) => transposeBy(g, g.input(1, 2, 3, 4, 3, 5), 0, 1, 3, 2, 4, 5),
    },
    untouched: { "five axes": (g) => transposeBy(g, g.input(2, 3, 4, 3, 5), 0, 2, 1, 3, 4) },
  },
  {
    pass: flattenIntoFullyConnected,
    phase: "imported",
    rewritten: {
      "an image": (g) =>
        g.emit(fullyConnected, [reshapeTo(g, g.input(2, 3, 3, 2), 2, 18), g.weights([5, 18]), g.weights([5])]),
    },
    untouched: {
      "dimensions kept": (g) =>
        g.emit(fullyConnected, [reshapeTo(g, g.input(2, 3, 3, 2), 2, 18), g.weights([5, 18]), null], {
          keepNumDims: true,
        }),
    },
  },
  {
    pass: assignLayouts,
    phase: "imported",
    rewritten: {
      "two convolutions in NCHW": (g) => {
        const nhwc = (x: TensorId) => transposeBy(g, point(g, transposeBy(g, x, 0, 2, 3, 1), 3, 3), 0, 3, 1, 2);
        return nhwc(g.emit(add, [nhwc(g.input(1, 3, 4, 5)), g.weights([3, 1, 1])]));
      },
    },
    untouched: {
      "one transpose that must be": (g) => g.emit(tanh, [transposeBy(g, g.input(2, 3, 4), 0, 2, 1)]),
    },
  },
  {
    pass: removeIdentities,
    phase: "canonical",
    rewritten: {
      "a choice that is made": (g) => {
        const [a, b] = [g.input(1, 4), g.input(1, 4)];
        return g.emit(tanh, [g.emit(selectV2, [g.bools([1, 4], [0, 0, 0, 0]), a, b])]);
      },
      "all of it": (g) => {
        const [begin, end, strides] = [
          [0, 0],
          [1, 4],
          [1, 1],
        ].map((values) => g.integers([2], values));
        return g.emit(tanh, [g.emit(stridedSlice, [g.input(1, 4), begin!, end!, strides!])]);
      },
    },
    untouched: {
      "a choice by element": (g) => g.emit(selectV2, [g.bools([1, 4], [0, 1, 0, 0]), g.input(1, 4), g.input(1, 4)]),
    },
  },
];
