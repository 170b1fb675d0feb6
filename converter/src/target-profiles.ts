/**
 * Targets as data: what the runtimes of devices can run. A field that is left out sets no limit. Sources: LiteRT
 * `runtime_version.cc` (versions), tflite-micro's kernels and issues 2602 and 2673 (per-channel FULLY_CONNECTED),
 * Coral's "TensorFlow models on the Edge TPU" (full integers, its operators).
 */
import type { DType } from "./ir/graph.ts";
import type { Precision } from "./quantize/precision.ts";

export interface TargetProfile {
  readonly name: string;
  readonly summary: string;
  /** The newest operator versions it knows are those of this TensorFlow. */
  readonly tensorflow?: string;
  /** The precisions that operators can have; others stay float. */
  readonly precisions?: readonly Precision[];
  /** The dtypes that it has kernels for at all. */
  readonly dtypes?: readonly DType[];
  /** Those of inputs and outputs. */
  readonly ends?: readonly DType[];
  /** Operators whose weights have one scale. */
  readonly perTensor?: readonly string[];
  /** The operators that it has. */
  readonly operators?: readonly string[];
  /** dtype of biases beside int16 values, stated in the file (`quantized_bias_type`). */
  readonly wideBias?: "int32";
}

/**
 * Without `--target`: where there is a choice, forms that TensorFlow Lite of 2023 has, too. Hybrid FULLY_CONNECTED with
 * a scale for each channel (version 12) is the commonest reason for files that do not load in the field.
 */
export const unstatedTarget: TargetProfile = {
  name: "runtimes since 2023",
  summary: "what is preferred without a target",
  tensorflow: "2.10",
};

export const targetProfiles: readonly TargetProfile[] = [
  { name: "litert", summary: "LiteRT as it is now" },
  { name: "tflite-2.5", summary: "TensorFlow Lite 2.5, of 2021", tensorflow: "2.5" },
  {
    name: "tflm",
    summary: "TensorFlow Lite Micro: no float16, no hybrid kernels, int16 with biases of int32",
    precisions: ["float32", "int8", "int8-per-tensor", "int16x8"],
    dtypes: ["float32", "int8", "uint8", "int16", "int32", "int64", "bool"],
    perTensor: ["FULLY_CONNECTED"],
    wideBias: "int32",
    // biome-ignore format: a list
    operators: [
      "ABS", "ADD", "ADD_N", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL", "BATCH_TO_SPACE_ND", "BROADCAST_ARGS",
      "BROADCAST_TO", "CAST", "CEIL", "CONCATENATION", "CONV_2D", "COS", "CUMSUM", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE",
      "DEQUANTIZE", "DIV", "ELU", "EMBEDDING_LOOKUP", "EQUAL", "EXP", "EXPAND_DIMS", "FILL", "FLOOR", "FLOOR_DIV", "FLOOR_MOD",
      "FULLY_CONNECTED", "GATHER", "GATHER_ND", "GREATER", "GREATER_EQUAL", "HARD_SWISH", "IF", "L2_NORMALIZATION",
      "L2_POOL_2D", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC",
      "LOG_SOFTMAX", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "PACK", "PAD",
      "PADV2", "PRELU", "QUANTIZE", "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR",
      "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "ROUND", "RSQRT", "SELECT_V2", "SHAPE", "SIN", "SLICE", "SOFTMAX",
      "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE",
      "STRIDED_SLICE", "SUB", "SUM", "SVDF", "TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNPACK",
      "WHILE", "ZEROS_LIKE",
    ],
  },
  {
    name: "edgetpu",
    summary: "Edge TPU and chips like it: full integers, one scale for all weights of FULLY_CONNECTED",
    tensorflow: "2.5",
    precisions: ["int8", "int8-per-tensor"],
    dtypes: ["int8", "uint8", "int32"],
    ends: ["int8", "uint8"],
    perTensor: ["FULLY_CONNECTED"],
    // biome-ignore format: a list
    operators: [
      "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED",
      "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU", "QUANTIZE",
      "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR",
      "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM",
      "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
    ],
  },
];
