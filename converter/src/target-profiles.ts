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
];
