/** Per pass: graphs that it rewrites (golden text in `golden/`, run before and after) and near misses that it must leave alone. */
import type { Graph, TensorId } from "../../src/ir/graph.ts";
import { abs } from "../../src/ops/abs.ts";
import { add } from "../../src/ops/add.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { concatenation } from "../../src/ops/concatenation.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { depthwiseConv2d } from "../../src/ops/depthwise-conv-2d.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { div } from "../../src/ops/div.ts";
import { exp } from "../../src/ops/exp.ts";
import { expandDims } from "../../src/ops/expand-dims.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { maximum } from "../../src/ops/maximum.ts";
import { minimum } from "../../src/ops/minimum.ts";
import { mul } from "../../src/ops/mul.ts";
import { neg } from "../../src/ops/neg.ts";
import { pad } from "../../src/ops/pad.ts";
import { reduceMax } from "../../src/ops/reduce-max.ts";
import { relu } from "../../src/ops/relu.ts";
import { relu6 } from "../../src/ops/relu6.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { shape } from "../../src/ops/shape.ts";
import { slice } from "../../src/ops/slice.ts";
import { squeeze } from "../../src/ops/squeeze.ts";
import { sub } from "../../src/ops/sub.ts";
import { sum } from "../../src/ops/sum.ts";
import { tanh } from "../../src/ops/tanh.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { transposeConv } from "../../src/ops/transpose-conv.ts";
import type { Phase } from "../../src/ops/verify-graph.ts";
import { decodeConstants } from "../../src/passes/decode-constants.ts";
import { foldBatchNorm } from "../../src/passes/fold-batch-norm.ts";
import { foldConstants } from "../../src/passes/fold-constants.ts";
import { foldOffset } from "../../src/passes/fold-offset.ts";
import { foldPadding } from "../../src/passes/fold-padding.ts";
import { foldScale } from "../../src/passes/fold-scale.ts";
import { fuseActivations } from "../../src/passes/fuse-activations.ts";
import { legalizeOperands } from "../../src/passes/legalize-operands.ts";
import { legalizeOutputs } from "../../src/passes/legalize-outputs.ts";
import { mergeDuplicates } from "../../src/passes/merge-duplicates.ts";
import { mergeReshapes } from "../../src/passes/merge-reshapes.ts";
import { mergeTransposes } from "../../src/passes/merge-transposes.ts";
import type { Pass } from "../../src/passes/pass.ts";
import { recognizeClamp } from "../../src/passes/recognize-clamp.ts";
import { recognizeHardSwish } from "../../src/passes/recognize-hard-swish.ts";
import { recognizePrelu } from "../../src/passes/recognize-prelu.ts";
import { recognizeSoftmax } from "../../src/passes/recognize-softmax.ts";
import { removeDeadCode } from "../../src/passes/remove-dead-code.ts";
import { removeIdentities } from "../../src/passes/remove-identities.ts";
import { splitBatchNorm } from "../../src/passes/split-batch-norm.ts";
import { GraphSketch } from "./graph-sketch.ts";

export type Draw = (g: GraphSketch) => TensorId | TensorId[];

export interface PassCases {
  readonly pass: Pass;
  readonly phase: Phase;
  readonly rewritten: Readonly<Record<string, Draw>>;
  readonly untouched: Readonly<Record<string, Draw>>;
}

export function drawn(draw: Draw): Graph {
  const sketch = new GraphSketch();
  return sketch.graph(...[draw(sketch)].flat());
}

const image = (g: GraphSketch): TensorId => g.input(1, 8, 8, 3);
const convolved = (g: GraphSketch, channels = 4): TensorId =>
  g.emit(conv2d, [image(g), g.weights([channels, 3, 3, 3]), g.weights([channels])], { padding: "VALID" });
const normalized = (g: GraphSketch, x: TensorId, channels = 4): TensorId =>
  g.emit(batchNorm, [
    x,
    g.weights([channels]),
    g.weights([channels]),
    g.weights([channels]),
    g.weights([channels], { by: 0.4, offset: 0.5 }),
  ]);

/** Variants of a product: RELU6(x + 3) and x and a sixth in some order. */
const hardSwishes: Record<string, Draw> = {
  "sixth behind the clamp": (g) => {
    const x = convolved(g);
    return g.emit(mul, [x, g.emit(mul, [clampedSum(g, x), g.floats([], [1 / 6])])]);
  },
  "divided at the end": (g) => {
    const x = convolved(g);
    return g.emit(div, [g.emit(mul, [clampedSum(g, x), x]), g.floats([], [6])]);
  },
  "sixth in front of the clamp": (g) => {
    const x = convolved(g);
    return g.emit(mul, [g.emit(mul, [x, g.floats([], [1 / 6])]), clampedSum(g, x)]);
  },
  "clamp fused into the sum": (g) => {
    const x = convolved(g);
    const fused = g.emit(add, [x, g.floats([], [3])], { fusedActivationFunction: "RELU6" });
    return g.emit(mul, [x, g.emit(div, [fused, g.floats([], [6])])]);
  },
};
const clampedSum = (g: GraphSketch, x: TensorId): TensorId => g.emit(relu6, [g.emit(add, [x, g.floats([], [3])])]);

export const passCases: readonly PassCases[] = [
  {
    pass: foldBatchNorm,
    phase: "imported",
    rewritten: {
      "CONV_2D": (g) => normalized(g, convolved(g)),
      "CONV_2D without a bias": (g) => normalized(g, g.emit(conv2d, [image(g), g.weights([4, 3, 3, 3]), null])),
      "DEPTHWISE_CONV_2D": (g) =>
        normalized(g, g.emit(depthwiseConv2d, [image(g), g.weights([1, 3, 3, 6]), g.weights([6])], { depthMultiplier: 2 }), 6),
      "FULLY_CONNECTED": (g) => normalized(g, g.emit(fullyConnected, [g.input(2, 5), g.weights([4, 5]), null])),
      "TRANSPOSE_CONV": (g) =>
        normalized(g, g.emit(transposeConv, [g.integers([4], [1, 10, 10, 4]), g.weights([4, 3, 3, 3]), image(g)], { padding: "VALID" })),
    },
    untouched: {
      "an activation between": (g) => normalized(g, g.emit(relu, [convolved(g)])),
      "another use of the sum": (g) => {
        const x = convolved(g);
        return [normalized(g, x), g.emit(tanh, [x])];
      },
      "an output of the sum": (g) => {
        const x = convolved(g);
        return [normalized(g, x), x];
      },
    },
  },
  {
    pass: splitBatchNorm,
    phase: "canonical",
    rewritten: { alone: (g) => normalized(g, image(g), 3) },
    untouched: { "nothing to split": (g) => convolved(g) },
  },
  {
    pass: foldScale,
    phase: "canonical",
    rewritten: {
      "a factor per channel": (g) => g.emit(mul, [convolved(g), g.weights([4])]),
      "a factor in front, one number": (g) => g.emit(mul, [g.floats([], [0.25]), convolved(g)]),
      "a divisor, and a clamp that moves along": (g) =>
        g.emit(div, [convolved(g), g.weights([1, 1, 1, 4], { by: 0.4, offset: 1 })], { fusedActivationFunction: "RELU" }),
    },
    untouched: {
      "a factor per column": (g) => g.emit(mul, [convolved(g), g.weights([6, 1])]),
      "a factor that makes it larger": (g) =>
        g.emit(mul, [g.emit(fullyConnected, [g.input(1, 5), g.weights([4, 5]), null]), g.weights([3, 1, 4])]),
      "a divisor of zero": (g) => g.emit(div, [convolved(g), g.floats([], [0])]),
      "a reciprocal": (g) => g.emit(div, [g.floats([], [2]), convolved(g)]),
      "a clamp between": (g) =>
        g.emit(mul, [
          g.emit(conv2d, [image(g), g.weights([4, 1, 1, 3]), null], { fusedActivationFunction: "RELU6" }),
          g.weights([4]),
        ]),
    },
  },
  {
    pass: foldOffset,
    phase: "canonical",
    rewritten: {
      "a bias": (g) => g.emit(add, [g.emit(conv2d, [image(g), g.weights([4, 3, 3, 3]), null]), g.weights([4])]),
      "a bias taken off": (g) => g.emit(sub, [convolved(g), g.weights([4])]),
      "a bias in front, with a clamp": (g) =>
        g.emit(add, [g.floats([1], [0.5]), convolved(g)], { fusedActivationFunction: "RELU6" }),
    },
    untouched: {
      "a sum of two values": (g) => g.emit(add, [convolved(g), g.input(1, 6, 6, 4)]),
      "taken off from a constant": (g) => g.emit(sub, [g.weights([4]), convolved(g)]),
    },
  },
  {
    pass: foldConstants,
    phase: "canonical",
    rewritten: {
      "arithmetic": (g) => g.emit(add, [image(g), g.emit(mul, [g.weights([3]), g.floats([], [2])])]),
      "the shape of a value": (g) => {
        const x = image(g);
        return g.emit(reshape, [x, g.emit(slice, [g.emit(shape, [g.emit(tanh, [x])]), g.integers([1], [0]), g.integers([1], [4])])], {
          newShape: [1, 8, 8, 3],
        });
      },
    },
    untouched: {
      "a result beyond 1 MiB": (g) => g.emit(add, [g.input(1), g.emit(add, [g.weights([1, 600]), g.weights([600, 1])])]),
      "a constant output": (g) => g.emit(add, [g.floats([1], [1]), g.floats([1], [2])]),
    },
  },
  {
    pass: decodeConstants,
    phase: "canonical",
    rewritten: {
      "float16 weights": (g) =>
        g.emit(conv2d, [image(g), g.emit(dequantize, [g.halves([2, 1, 1, 3], [0.1, -2, 3e-7, 65504, 0, -0.5])]), null]),
    },
    untouched: { "nothing stored": (g) => convolved(g) },
  },
  {
    pass: removeIdentities,
    phase: "canonical",
    rewritten: {
      "RESHAPE to the same": (g) => g.emit(tanh, [g.emit(reshape, [g.input(1, 4), g.integers([2], [1, 4])], { newShape: [1, 4] })]),
      "TRANSPOSE by nothing": (g) => g.emit(tanh, [g.emit(transpose, [g.input(2, 3), g.integers([2], [0, 1])])]),
      "PAD by nothing, at the output": (g) => g.emit(pad, [g.emit(tanh, [g.input(1, 4)]), g.integers([2, 2], [0, 0, 0, 0])]),
      "SLICE of everything": (g) => g.emit(tanh, [g.emit(slice, [g.input(1, 4), g.integers([2], [0, 0]), g.integers([2], [-1, -1])])]),
      "arithmetic that changes nothing": (g) => {
        const x = g.emit(mul, [g.input(1, 4), g.floats([4], [1, 1, 1, 1])]);
        return g.emit(tanh, [g.emit(div, [g.emit(sub, [g.emit(add, [g.floats([], [0]), x]), g.floats([], [0])]), g.floats([], [1])])]);
      },
      "CONCATENATION of one": (g) => g.emit(tanh, [g.emit(concatenation, [g.input(1, 4)], { axis: 1 })]),
    },
    untouched: {
      "an input that is an output": (g) => g.emit(reshape, [g.input(1, 4), g.integers([2], [1, 4])], { newShape: [1, 4] }),
      "MUL that broadcasts": (g) => g.emit(mul, [g.input(1, 4), g.floats([2, 1], [1, 1])]),
      "ADD that clamps": (g) => g.emit(add, [g.input(1, 4), g.floats([], [0])], { fusedActivationFunction: "RELU" }),
      "TRANSPOSE of a square": (g) => g.emit(transpose, [g.input(3, 3), g.integers([2], [1, 0])]),
    },
  },
  {
    pass: mergeReshapes,
    phase: "canonical",
    rewritten: {
      "SQUEEZE, EXPAND_DIMS, RESHAPE": (g) => {
        const x = g.emit(squeeze, [g.input(1, 1, 6)], { squeezeDims: [1] });
        return g.emit(reshape, [g.emit(expandDims, [x, g.integers([], [0])]), g.integers([2], [2, 3])], { newShape: [2, 3] });
      },
    },
    untouched: { "one RESHAPE": (g) => g.emit(reshape, [g.input(1, 6), g.integers([2], [2, 3])], { newShape: [2, 3] }) },
  },
  {
    pass: mergeTransposes,
    phase: "canonical",
    rewritten: {
      "two that follow each other": (g) =>
        g.emit(transpose, [g.emit(transpose, [g.input(2, 3, 4), g.integers([3], [1, 2, 0])]), g.integers([3], [0, 2, 1])]),
      "one that moves an axis of size 1": (g) => g.emit(transpose, [g.input(1, 8, 1, 4), g.integers([4], [0, 2, 1, 3])]),
    },
    untouched: {
      "one that moves elements": (g) => g.emit(transpose, [g.input(1, 8, 2, 4), g.integers([4], [0, 2, 1, 3])]),
    },
  },
  {
    pass: mergeDuplicates,
    phase: "canonical",
    rewritten: {
      "equal nodes, equal constants, one after the other": (g) => {
        const x = g.input(1, 4);
        const [a, b] = [0, 1].map(() => g.emit(tanh, [g.emit(mul, [x, g.floats([], [2])])]));
        return g.emit(add, [a!, b!]);
      },
    },
    untouched: {
      "unlike attributes": (g) => {
        const x = g.input(1, 4);
        return g.emit(add, [
          g.emit(add, [x, x], { fusedActivationFunction: "RELU" }),
          g.emit(add, [x, x], { fusedActivationFunction: "RELU6" }),
        ]);
      },
      "two outputs": (g) => {
        const x = g.input(1, 4);
        return [g.emit(tanh, [x]), g.emit(tanh, [x])];
      },
    },
  },
  {
    pass: removeDeadCode,
    phase: "canonical",
    rewritten: {
      "a chain that nothing uses": (g) => {
        const x = g.input(1, 4);
        g.emit(tanh, [g.emit(mul, [x, g.weights([4])])]);
        return g.emit(relu, [x]);
      },
    },
    untouched: { "an input that nothing uses": (g) => (g.input(1, 2) < 0 ? [] : g.emit(relu, [g.input(1, 4)])) },
  },
  {
    pass: recognizeClamp,
    phase: "canonical",
    rewritten: {
      "MAXIMUM with 0": (g) => g.emit(maximum, [g.floats([], [0]), g.input(1, 4)]),
      "MINIMUM of RELU": (g) => g.emit(minimum, [g.emit(relu, [g.input(1, 4)]), g.floats([], [6])]),
      "MAXIMUM of MINIMUM": (g) => g.emit(maximum, [g.emit(minimum, [g.input(1, 4), g.floats([], [1])]), g.floats([], [-1])]),
      "RELU of RELU6": (g) => g.emit(relu, [g.emit(relu6, [g.input(1, 4)])]),
    },
    untouched: {
      "another bound": (g) => g.emit(minimum, [g.emit(relu, [g.input(1, 4)]), g.floats([], [5])]),
      "RELU6 of TANH": (g) => g.emit(relu6, [g.emit(tanh, [g.input(1, 4)])]),
      "ranges that do not meet": (g) => g.emit(minimum, [g.emit(relu, [g.input(1, 4)]), g.floats([], [-1])]),
    },
  },
  {
    pass: recognizePrelu,
    phase: "canonical",
    rewritten: {
      "NEG, RELU, NEG, MUL, ADD": (g) => {
        const x = image(g);
        const negative = g.emit(neg, [g.emit(relu, [g.emit(neg, [x])])]);
        return g.emit(add, [g.emit(relu, [x]), g.emit(mul, [g.weights([3]), negative])]);
      },
      "RELU, MUL, SUB": (g) => {
        const x = image(g);
        return g.emit(sub, [g.emit(relu, [x]), g.emit(mul, [g.emit(relu, [g.emit(neg, [x])]), g.weights([1, 1, 3])])]);
      },
      "ABS, SUB, MUL, MUL": (g) => {
        const x = image(g);
        const size = g.emit(mul, [g.weights([3]), g.emit(sub, [x, g.emit(abs, [x])])]);
        return g.emit(add, [g.emit(mul, [size, g.floats([], [0.5])]), g.emit(relu, [x])]);
      },
      "MAXIMUM of a part": (g) => {
        const x = image(g);
        return g.emit(maximum, [g.emit(mul, [g.floats([], [0.125]), x]), x]);
      },
      "MINIMUM and one slope": (g) => {
        const x = image(g);
        const negative = g.emit(mul, [g.emit(minimum, [x, g.floats([], [0])]), g.floats([], [0.25])]);
        return g.emit(add, [g.emit(relu, [x]), negative]);
      },
    },
    untouched: {
      "another value's negative part": (g) => {
        const [x, y] = [image(g), image(g)];
        return g.emit(add, [g.emit(relu, [x]), g.emit(mul, [g.weights([3]), g.emit(relu, [g.emit(neg, [y])])])]);
      },
      "MAXIMUM of a multiple": (g) => {
        const x = image(g);
        return g.emit(maximum, [g.emit(mul, [g.floats([], [1.5]), x]), x]);
      },
      "the positive part taken off": (g) => {
        const x = image(g);
        return g.emit(sub, [g.emit(mul, [g.weights([3]), g.emit(relu, [g.emit(neg, [x])])]), g.emit(relu, [x])]);
      },
      "a slope per column": (g) => {
        const x = image(g);
        return g.emit(add, [g.emit(relu, [x]), g.emit(mul, [g.weights([8, 1]), g.emit(minimum, [x, g.floats([], [0])])])]);
      },
    },
  },
  {
    pass: recognizeSoftmax,
    phase: "canonical",
    rewritten: {
      "with its maximum taken off": (g) => {
        const x = g.input(2, 5);
        const top = g.emit(reduceMax, [x, g.integers([], [1])], { keepDims: true });
        const power = g.emit(exp, [g.emit(sub, [x, top])]);
        return g.emit(div, [power, g.emit(sum, [power, g.integers([1], [-1])], { keepDims: true })]);
      },
      "without": (g) => {
        const power = g.emit(exp, [g.input(2, 5)]);
        return g.emit(div, [power, g.emit(sum, [power, g.integers([1], [1])], { keepDims: true })]);
      },
    },
    untouched: {
      "over another axis": (g) => {
        const power = g.emit(exp, [g.input(2, 5)]);
        return g.emit(div, [power, g.emit(sum, [power, g.integers([1], [0])], { keepDims: true })]);
      },
      "another sum": (g) => {
        const [a, b] = [g.emit(exp, [g.input(2, 5)]), g.emit(exp, [g.input(2, 5)])];
        return g.emit(div, [a, g.emit(sum, [b, g.integers([1], [1])], { keepDims: true })]);
      },
    },
  },
  {
    pass: recognizeHardSwish,
    phase: "canonical",
    rewritten: hardSwishes,
    untouched: {
      "another divisor": (g) => {
        const x = convolved(g);
        return g.emit(div, [g.emit(mul, [clampedSum(g, x), x]), g.floats([], [5])]);
      },
      "another value": (g) => g.emit(div, [g.emit(mul, [clampedSum(g, convolved(g)), g.input(1, 6, 6, 4)]), g.floats([], [6])]),
      "hard sigmoid": (g) => g.emit(mul, [clampedSum(g, convolved(g)), g.floats([], [1 / 6])]),
    },
  },
  {
    pass: foldPadding,
    phase: "canonical",
    rewritten: {
      "stride 2, zeros behind": (g) => {
        const x = g.emit(pad, [image(g), g.integers([4, 2], [0, 0, 0, 1, 0, 1, 0, 0])]);
        return g.emit(conv2d, [x, g.weights([4, 3, 3, 3]), g.weights([4])], { padding: "VALID", strideH: 2, strideW: 2 });
      },
      "zeros around a depthwise kernel": (g) => {
        const x = g.emit(pad, [image(g), g.integers([4, 2], [0, 0, 1, 1, 1, 1, 0, 0])]);
        return g.emit(depthwiseConv2d, [x, g.weights([1, 3, 3, 3]), g.weights([3])], { padding: "VALID" });
      },
      "more zeros behind than are read": (g) => {
        const x = g.emit(pad, [image(g), g.integers([4, 2], [0, 0, 0, 2, 0, 2, 0, 0])]);
        return g.emit(conv2d, [x, g.weights([4, 3, 3, 3]), g.weights([4])], { padding: "VALID", strideH: 2, strideW: 2 });
      },
    },
    untouched: {
      "stride 2, zeros in front": (g) => {
        const x = g.emit(pad, [image(g), g.integers([4, 2], [0, 0, 1, 0, 1, 0, 0, 0])]);
        return g.emit(conv2d, [x, g.weights([4, 3, 3, 3]), g.weights([4])], { padding: "VALID", strideH: 2, strideW: 2 });
      },
      "more windows": (g) => {
        const x = g.emit(pad, [image(g), g.integers([4, 2], [0, 0, 1, 2, 1, 1, 0, 0])]);
        return g.emit(conv2d, [x, g.weights([4, 3, 3, 3]), g.weights([4])], { padding: "VALID" });
      },
      "channels too": (g) => {
        const x = g.emit(pad, [image(g), g.integers([4, 2], [0, 0, 1, 1, 1, 1, 0, 1])]);
        return g.emit(conv2d, [x, g.weights([4, 3, 3, 4]), g.weights([4])], { padding: "VALID" });
      },
    },
  },
  {
    pass: fuseActivations,
    phase: "canonical",
    rewritten: {
      "RELU6 into CONV_2D": (g) => g.emit(relu6, [convolved(g)]),
      "RELU into ADD": (g) => g.emit(relu, [g.emit(add, [g.input(1, 4), g.input(1, 4)])]),
    },
    untouched: {
      "what has one already": (g) => g.emit(relu, [g.emit(add, [g.input(1, 4), g.input(1, 4)], { fusedActivationFunction: "RELU6" })]),
      "what cannot clamp": (g) => g.emit(relu, [g.emit(tanh, [g.input(1, 4)])]),
      "a sum that is used twice": (g) => {
        const x = convolved(g);
        return g.emit(add, [g.emit(relu, [x]), x]);
      },
      "no clamp": (g) => g.emit(tanh, [convolved(g)]),
    },
  },
  {
    pass: legalizeOutputs,
    phase: "tflite",
    rewritten: {
      "an output of constants waits for an input": (g) => {
        const table = g.emit(reshape, [g.floats([4], [1, 2, 3, 4]), g.integers([2], [2, 2])], { newShape: [2, 2] });
        return [g.emit(relu, [g.input(2, 3)]), table];
      },
    },
    untouched: {
      "an output of an input": (g) => g.emit(reshape, [g.input(2, 3), g.integers([2], [3, 2])], { newShape: [3, 2] }),
    },
  },
  {
    pass: legalizeOperands,
    phase: "tflite",
    rewritten: {
      "CONV_2D gets a bias": (g) => g.emit(conv2d, [image(g), g.weights([4, 3, 3, 3]), null]),
      "DEPTHWISE_CONV_2D gets a bias": (g) => g.emit(depthwiseConv2d, [image(g), g.weights([1, 3, 3, 3])]),
      "FULLY_CONNECTED goes without": (g) => g.emit(fullyConnected, [g.input(2, 5), g.weights([4, 5]), null]),
    },
    untouched: { "what has all": (g) => convolved(g) },
  },
]; // biome-ignore format: one line a case
