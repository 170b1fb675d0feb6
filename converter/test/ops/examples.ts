/**
 * Uses of every operator, small enough to run in a moment: operands that are graph inputs, constants, attributes.
 * A new operator needs a row here; the suites in this folder then test it.
 */
import type { Attributes, DType, Shape } from "../../src/ir/graph.ts";

export interface ExampleOperand {
  readonly shape: Shape;
  /** float32 unless said otherwise. */
  readonly dtype?: DType;
  /** Present: a constant. Absent: an input of the graph. */
  readonly values?: readonly number[];
  /** Keeps its value between runs. */
  readonly variable?: boolean;
  readonly scale?: number;
  readonly zeroPoint?: number;
}
export interface Example {
  readonly operands: readonly (ExampleOperand | null)[];
  readonly attributes?: Attributes;
  /** dtypes of the results where the operator goes by them. */
  readonly results?: readonly DType[];
  /** Scale of the first result where it is quantized; its zero point is 0. */
  readonly resultScale?: number;
  /** Why no runtime here hands over its results. */
  readonly notHandedOver?: string;
  /** Why LiteRT's JavaScript cannot run it as a model of its own. */
  readonly notInLitert?: string;
}

const x = (...shape: number[]): ExampleOperand => ({ shape });
const ints = (...values: number[]): ExampleOperand => ({ shape: [values.length], dtype: "int32", values });
const int = (value: number): ExampleOperand => ({ shape: [], dtype: "int32", values: [value] });
const number = (value: number): ExampleOperand => ({ shape: [], values: [value] });
/** Small constants of both signs, all different. */
export const ramp = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(((i * 37) % 101) / 50 - 1));
const weights = (...shape: number[]): ExampleOperand => ({ shape, values: ramp(shape.reduce((a, b) => a * b, 1)) });
const flags = (...shape: number[]): ExampleOperand => ({ shape, dtype: "bool" });
const paddings = (rank: number, ...values: number[]): ExampleOperand => ({ shape: [rank, 2], dtype: "int32", values });

const knownBefore = "what is known before the run cannot be an output";
const unary: readonly Example[] = [{ operands: [x(2, 3, 4)] }];
const binary: readonly Example[] = [{ operands: [x(2, 3, 4), x(2, 3, 4)] }, { operands: [x(2, 3, 4), x(4)] }];
const pools: readonly Example[] = [
  { operands: [x(1, 7, 8, 3)], attributes: { filterHeight: 2, filterWidth: 3, strideH: 2, strideW: 1 } },
  {
    operands: [x(2, 7, 8, 3)],
    attributes: { filterHeight: 3, filterWidth: 3, strideH: 2, strideW: 3, padding: "VALID" },
  },
];
const reductions: readonly Example[] = [
  { operands: [x(2, 3, 4, 5), ints(1, 2)] },
  { operands: [x(2, 3, 4, 5), ints(-1)], attributes: { keepDims: true } },
];
const resizes: readonly Example[] = [
  { operands: [x(1, 4, 5, 2), ints(8, 7)] },
  { operands: [x(1, 4, 5, 2), ints(8, 10)], attributes: { halfPixelCenters: true } },
];
const segments: readonly Example[] = [{ operands: [x(4, 2), ints(2, 0, 2, 1), int(3)] }];

const keepsState = "its JavaScript does not load files with state";
const kept = (...shape: number[]): ExampleOperand => ({ shape, variable: true });
/** Weights of five cells that see four features: four matrices, four recurrent ones, no peepholes, biases, no projection. */
const lstm: readonly (ExampleOperand | null)[] = [
  ...[1, 2, 3, 4].map(() => weights(5, 4)),
  ...[1, 2, 3, 4].map(() => weights(5, 5)),
  null,
  null,
  null,
  ...[1, 2, 3, 4].map(() => weights(5)),
  null,
  null,
];
const absent = (count: number): readonly null[] => Array.from({ length: count }, () => null);
const state = (batch: number): readonly ExampleOperand[] => [kept(batch, 5), kept(batch, 5)];
const cell = (batch: number): readonly ExampleOperand[] => [weights(5, 4), weights(5, 5), weights(5), kept(batch, 5)];

export const examples: Readonly<Record<string, readonly Example[]>> = {
  ABS: unary,
  ADD: [...binary, { operands: [x(2, 3), x(3)], attributes: { fusedActivationFunction: "RELU6" } }],
  ADD_N: [{ operands: [x(2, 3), x(2, 3), x(2, 3)] }],
  ARG_MAX: [{ operands: [x(2, 3, 4), int(-1)] }],
  ARG_MIN: [{ operands: [x(2, 3, 4), int(1)] }],
  ATAN2: [{ operands: [x(2, 3), x(2, 3)] }],
  AVERAGE_POOL_2D: pools,
  BATCH_MATMUL: [
    { operands: [x(2, 3, 4), x(2, 4, 5)] },
    { operands: [x(2, 4, 3), x(5, 4)], attributes: { adjX: true, adjY: true } },
  ],
  BATCH_TO_SPACE_ND: [
    { operands: [x(4, 2, 3, 2), ints(2, 2), paddings(2, 0, 0, 0, 0)] },
    { operands: [x(4, 2, 3, 2), ints(2, 2), paddings(2, 1, 0, 0, 2)] },
    { operands: [x(4, 3, 2), ints(2), paddings(1, 0, 1)] },
  ],
  BIDIRECTIONAL_SEQUENCE_LSTM: [
    {
      operands: [x(2, 3, 4), ...lstm, ...lstm, ...state(2), ...state(2), ...absent(9)],
      attributes: { timeMajor: false, fusedActivationFunction: "TANH" },
      notInLitert: keepsState,
    },
    {
      operands: [x(2, 3, 4), ...lstm, ...lstm, ...state(3), ...state(3), ...absent(9)],
      attributes: { timeMajor: true, mergeOutputs: true, fusedActivationFunction: "TANH" },
      notInLitert: keepsState,
    },
  ],
  BIDIRECTIONAL_SEQUENCE_RNN: [
    {
      operands: [x(2, 3, 4), ...cell(3), ...cell(3), ...absent(3)],
      attributes: { timeMajor: true, fusedActivationFunction: "RELU" },
      notInLitert: keepsState,
    },
  ],
  BROADCAST_ARGS: [{ operands: [ints(2, 1, 4), ints(3, 1)], notInLitert: knownBefore }],
  BROADCAST_TO: [{ operands: [x(2, 1, 3), ints(2, 4, 3)] }],
  CAST: [
    { operands: [{ shape: [2, 3], dtype: "int32" }], attributes: { inDataType: "INT32", outDataType: "FLOAT32" } },
  ],
  CEIL: unary,
  COMPLEX_ABS: [{ operands: [{ shape: [2, 3], dtype: "complex64" }], notHandedOver: "it takes complex numbers" }],
  CONCATENATION: [
    { operands: [x(2, 3), x(2, 4)], attributes: { axis: 1 } },
    { operands: [x(2, 3), x(1, 3), x(3, 3)], attributes: { axis: -2 } },
  ],
  CONV_2D: [
    { operands: [x(1, 7, 8, 3), weights(4, 3, 2, 3), weights(4)] },
    {
      operands: [x(2, 9, 9, 2), weights(4, 3, 3, 2), weights(4)],
      attributes: { padding: "VALID", strideH: 2, strideW: 3, fusedActivationFunction: "RELU" },
    },
    {
      operands: [x(1, 9, 9, 2), weights(4, 3, 3, 2), weights(4)],
      attributes: { dilationHFactor: 2, dilationWFactor: 2 },
    },
  ],
  CONV_3D: [
    { operands: [x(1, 4, 5, 6, 2), weights(2, 3, 2, 2, 4), weights(4)], attributes: { strideD: 2 } },
    {
      operands: [x(2, 4, 5, 6, 2), weights(2, 3, 2, 2, 4)],
      attributes: { padding: "VALID", strideH: 2, fusedActivationFunction: "RELU" },
    },
  ],
  CONV_3D_TRANSPOSE: [
    {
      operands: [ints(1, 4, 6, 8, 3), weights(2, 2, 2, 3, 2), x(1, 2, 3, 4, 2)],
      attributes: { strideD: 2, strideH: 2, strideW: 2 },
    },
  ],
  COS: unary,
  CUMSUM: [
    { operands: [x(2, 5), int(1)] },
    { operands: [x(2, 5), int(0)], attributes: { exclusive: true, reverse: true } },
  ],
  DEPTHWISE_CONV_2D: [
    { operands: [x(1, 7, 8, 3), weights(1, 3, 3, 3), weights(3)] },
    {
      operands: [x(1, 7, 8, 3), weights(1, 3, 3, 6), weights(6)],
      attributes: { depthMultiplier: 2, padding: "VALID", strideH: 2, strideW: 2 },
    },
  ],
  DEPTH_TO_SPACE: [{ operands: [x(1, 2, 3, 8)], attributes: { blockSize: 2 } }],
  DEQUANTIZE: [{ operands: [{ shape: [2, 3], dtype: "int8", scale: 0.25, zeroPoint: 3 }] }],
  DIV: binary,
  DYNAMIC_UPDATE_SLICE: [{ operands: [x(4, 5), x(2, 2), ints(1, 3)] }],
  ELU: unary,
  EMBEDDING_LOOKUP: [{ operands: [ints(2, 0, 1, 1), weights(3, 4)] }],
  EQUAL: binary,
  EXP: unary,
  EXPAND_DIMS: [{ operands: [x(2, 3), int(1)] }, { operands: [x(2, 3), int(-1)] }],
  FILL: [{ operands: [ints(2, 3), x()] }],
  FLOOR: unary,
  FLOOR_DIV: [{ operands: [x(2, 3), weights(3)] }],
  FLOOR_MOD: [{ operands: [x(2, 3), weights(3)] }],
  FULLY_CONNECTED: [
    { operands: [x(2, 6), weights(4, 6), weights(4)] },
    { operands: [x(1, 2, 3), weights(4, 6), weights(4)], attributes: { fusedActivationFunction: "RELU" } },
    { operands: [x(2, 5, 6), weights(4, 6), weights(4)], attributes: { keepNumDims: true } },
    { operands: [x(2, 6), weights(4, 6)] },
  ],
  GATHER: [{ operands: [x(4, 3), ints(2, 0, 1)] }, { operands: [x(4, 3, 2), ints(1, 1)], attributes: { axis: 1 } }],
  GATHER_ND: [{ operands: [x(3, 4, 5), { shape: [2, 2], dtype: "int32", values: [0, 1, 2, 3] }] }],
  GELU: [{ operands: [x(2, 3)] }, { operands: [x(2, 3)], attributes: { approximate: true } }],
  GREATER: binary,
  GREATER_EQUAL: binary,
  HARD_SWISH: unary,
  IMAG: [{ operands: [{ shape: [2, 3], dtype: "complex64" }], notHandedOver: "it takes complex numbers" }],
  L2_NORMALIZATION: [{ operands: [x(2, 5)] }],
  L2_POOL_2D: pools,
  LEAKY_RELU: [{ operands: [x(2, 3)], attributes: { alpha: Math.fround(0.1) } }],
  LESS: binary,
  LESS_EQUAL: binary,
  LOCAL_RESPONSE_NORMALIZATION: [
    { operands: [x(1, 2, 3, 8)], attributes: { radius: 2, bias: 1, alpha: Math.fround(0.3), beta: 0.75 } },
  ],
  LOG: [{ operands: [{ shape: [4], values: [0.25, 1, 2, 9] }] }],
  LOGICAL_AND: [{ operands: [flags(2, 3), flags(3)] }],
  LOGICAL_NOT: [{ operands: [flags(2, 3)] }],
  LOGICAL_OR: [{ operands: [flags(2, 3), flags(3)] }],
  LOGISTIC: unary,
  LOG_SOFTMAX: [{ operands: [x(2, 5)] }],
  LSTM: [
    {
      operands: [x(2, 4), ...lstm, ...state(2)],
      attributes: { fusedActivationFunction: "TANH" },
      notInLitert: keepsState,
    },
  ],
  MATRIX_DIAG: [{ operands: [x(2, 3)] }],
  MATRIX_SET_DIAG: [{ operands: [x(2, 3, 3), x(2, 3)] }],
  MAXIMUM: binary,
  MAX_POOL_2D: pools,
  MEAN: reductions,
  MINIMUM: binary,
  MIRROR_PAD: [
    { operands: [x(3, 4), paddings(2, 1, 2, 0, 3)] },
    { operands: [x(3, 4), paddings(2, 1, 2, 0, 3)], attributes: { mode: "SYMMETRIC" } },
  ],
  MUL: binary,
  NEG: unary,
  NON_MAX_SUPPRESSION_V4: [{ operands: [x(6, 4), x(6), int(3), number(0.5), number(-10)] }],
  NON_MAX_SUPPRESSION_V5: [{ operands: [x(6, 4), x(6), int(3), number(0.5), number(-10), number(0.5)] }],
  NOT_EQUAL: binary,
  ONE_HOT: [
    { operands: [{ shape: [2, 3], dtype: "int32" }, int(4), { shape: [], values: [3] }, { shape: [], values: [-2] }] },
    { operands: [{ shape: [3], dtype: "int32" }, int(4), x(), x()], attributes: { axis: 0 } },
  ],
  PACK: [
    { operands: [x(2, 3), x(2, 3)], attributes: { valuesCount: 2, axis: 0 } },
    { operands: [x(2, 3), x(2, 3)], attributes: { valuesCount: 2, axis: -1 } },
  ],
  PAD: [{ operands: [x(1, 2, 3, 2), paddings(4, 0, 0, 1, 2, 0, 1, 0, 0)] }],
  PADV2: [{ operands: [x(2, 3), paddings(2, 1, 0, 0, 2), { shape: [], values: [7.5] }] }],
  POW: [{ operands: [{ shape: [4], values: [0.25, 1, 2, 9] }, x(4)] }],
  PRELU: [{ operands: [x(1, 3, 3, 2), weights(1, 1, 2)] }],
  QUANTIZE: [{ operands: [x(2, 3)], results: ["int8"], resultScale: 0.01 }],
  RANGE: [
    { operands: [1, 7, 2].map((value) => ({ shape: [], values: [value] })), notInLitert: knownBefore },
    { operands: [5, -1.5, -0.75].map((value) => ({ shape: [], values: [value] })), notInLitert: knownBefore },
  ],
  RANK: [{ operands: [x(2, 3, 4)], notInLitert: knownBefore }],
  REAL: [{ operands: [{ shape: [2, 3], dtype: "complex64" }], notHandedOver: "it takes complex numbers" }],
  REDUCE_ALL: [{ operands: [flags(2, 3), ints(1)] }],
  REDUCE_ANY: [
    { operands: [flags(2, 3), ints(1)] },
    { operands: [flags(2, 3), ints(0)], attributes: { keepDims: true } },
  ],
  REDUCE_MAX: reductions,
  REDUCE_MIN: reductions,
  REDUCE_PROD: reductions,
  RELU: unary,
  RELU6: unary,
  RELU_0_TO_1: unary,
  RELU_N1_TO_1: unary,
  RESHAPE: [
    { operands: [x(2, 3, 4), ints(4, 6)], attributes: { newShape: [4, 6] } },
    { operands: [x(2, 3, 4), ints(-1, 8)], attributes: { newShape: [-1, 8] } },
    { operands: [x(2, 3, 4)], attributes: { newShape: [3, -1] } },
  ],
  RESIZE_BILINEAR: resizes,
  RESIZE_NEAREST_NEIGHBOR: resizes,
  REVERSE_SEQUENCE: [{ operands: [x(2, 4, 3), ints(3, 1)], attributes: { seqDim: 1, batchDim: 0 } }],
  REVERSE_V2: [{ operands: [x(2, 3, 4), ints(1)] }, { operands: [x(2, 3), ints(-1)] }],
  RFFT2D: [{ operands: [x(2, 3, 8), ints(4, 8)], notHandedOver: "it gives complex numbers" }],
  RNN: [{ operands: [x(2, 4), ...cell(2)], attributes: { fusedActivationFunction: "TANH" }, notInLitert: keepsState }],
  ROUND: unary,
  RSQRT: [{ operands: [{ shape: [4], values: [0.25, 1, 4, 9] }] }],
  SCATTER_ND: [
    { operands: [{ shape: [3, 1], dtype: "int32", values: [4, 1, 4] }, x(3, 2), ints(5, 2)] },
    { operands: [{ shape: [2, 2], dtype: "int32", values: [0, 1, 2, 0] }, x(2), ints(3, 2)] },
  ],
  SEGMENT_SUM: [{ operands: [x(4, 2), ints(0, 0, 1, 2)], notInLitert: "it makes room for its result as it runs" }],
  SELECT: [{ operands: [flags(2, 3), x(2, 3), x(2, 3)] }, { operands: [flags(2), x(2, 3), x(2, 3)] }],
  SELECT_V2: [{ operands: [flags(2, 3), x(2, 3), x(3)] }],
  SHAPE: [{ operands: [x(2, 3, 4)], notInLitert: knownBefore }],
  SIGN: unary,
  SIN: unary,
  SLICE: [{ operands: [x(4, 5), ints(1, 2), ints(2, -1)] }],
  SOFTMAX: [{ operands: [x(2, 5)] }],
  SPACE_TO_BATCH_ND: [
    { operands: [x(1, 4, 6, 2), ints(2, 3), paddings(2, 0, 0, 0, 0)] },
    { operands: [x(2, 3, 5, 2), ints(2, 2), paddings(2, 1, 0, 0, 1)] },
    { operands: [x(2, 5, 3), ints(2), paddings(1, 0, 1)] },
  ],
  SPACE_TO_DEPTH: [{ operands: [x(1, 4, 6, 2)], attributes: { blockSize: 2 } }],
  SPARSE_TO_DENSE: [{ operands: [ints(1, 3), ints(5), x(2), number(7)] }],
  SPLIT: [{ operands: [int(1), x(2, 6)], attributes: { numSplits: 3 } }],
  SPLIT_V: [{ operands: [x(2, 6), ints(1, -1, 2), int(1)], attributes: { numSplits: 3 } }],
  SQRT: [{ operands: [{ shape: [4], values: [0.25, 1, 2, 9] }] }],
  SQUARE: unary,
  SQUARED_DIFFERENCE: binary,
  SQUEEZE: [{ operands: [x(1, 3, 1, 2)] }, { operands: [x(1, 3, 1, 2)], attributes: { squeezeDims: [-2] } }],
  STRIDED_SLICE: [
    { operands: [x(4, 5, 6), ints(1, 0, 0), ints(4, 5, 6), ints(2, 1, 3)] },
    { operands: [x(4, 5, 6), ints(-1, 2), ints(0, 3), ints(-1, 1)], attributes: { endMask: 1, shrinkAxisMask: 2 } },
    { operands: [x(4, 5, 6), ints(0, 1), ints(0, 3), ints(1, 1)], attributes: { ellipsisMask: 1 } },
    { operands: [x(4, 5), ints(0, 1, 0), ints(0, 3, 5), ints(1, 1, 1)], attributes: { newAxisMask: 1 } },
  ],
  SUB: binary,
  SUM: reductions,
  SVDF: [
    {
      operands: [x(2, 3), weights(4, 3), weights(4, 5), weights(2), kept(2, 20)],
      attributes: { rank: 2 },
      notInLitert: keepsState,
    },
  ],
  TANH: unary,
  TILE: [{ operands: [x(2, 3), ints(2, 3)] }],
  TOPK_V2: [{ operands: [x(2, 6), int(3)] }],
  TRANSPOSE: [{ operands: [x(2, 3, 4), ints(2, 0, 1)] }],
  TRANSPOSE_CONV: [
    {
      operands: [ints(1, 8, 8, 3), weights(3, 3, 3, 2), x(1, 4, 4, 2)],
      attributes: { strideH: 2, strideW: 2 },
    },
    {
      operands: [ints(1, 9, 9, 3), weights(3, 3, 3, 2), x(1, 4, 4, 2), weights(3)],
      attributes: { strideH: 2, strideW: 2, padding: "VALID" },
    },
  ],
  UNIDIRECTIONAL_SEQUENCE_LSTM: [
    {
      operands: [x(2, 3, 4), ...lstm, ...state(2)],
      attributes: { fusedActivationFunction: "TANH" },
      notInLitert: keepsState,
    },
    {
      operands: [x(2, 3, 4), ...lstm, ...state(3)],
      attributes: { timeMajor: true, fusedActivationFunction: "TANH" },
      notInLitert: keepsState,
    },
  ],
  UNIDIRECTIONAL_SEQUENCE_RNN: [
    { operands: [x(2, 3, 4), ...cell(2)], attributes: { fusedActivationFunction: "TANH" }, notInLitert: keepsState },
  ],
  UNIQUE: [{ operands: [x(6)], notHandedOver: "how many there are is known only after the run" }],
  UNPACK: [
    { operands: [x(3, 2)], attributes: { num: 3, axis: 0 } },
    { operands: [x(3, 2)], attributes: { num: 2, axis: -1 } },
  ],
  UNSORTED_SEGMENT_MAX: segments,
  UNSORTED_SEGMENT_MIN: segments,
  UNSORTED_SEGMENT_PROD: segments,
  UNSORTED_SEGMENT_SUM: segments,
  WHERE: [{ operands: [flags(2, 3)], notHandedOver: "they are int64" }],
  ZEROS_LIKE: unary,
};
