/**
 * Which cases of ONNX's node tests count: those whose every operator TFLite has a counterpart for, on the types that devices
 * compute with. What does not count is listed here with its reason, and printed into docs/onnx-conformance.md.
 */

/** Reason → operators that TFLite's builtin operators have nothing for. */
export const withoutCounterpart: Readonly<Record<string, readonly string[]>> = {
  "text and its features": ["StringNormalizer", "TfIdfVectorizer"],
  "sequences and optional values": [
    "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct",
    "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap", "SplitToSequence",
  ],
  training: ["Adagrad", "Adam", "Gradient", "Momentum", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"],
  "random numbers": ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"],
  "results whose size only the run tells": ["Compress", "NonMaxSuppression", "NonZero", "Unique"],
  loops: ["Loop", "Scan"],
  "spectra and windows": ["BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT"],
  "sampling at computed places": ["GridSample", "MaxRoiPool", "MaxUnpool", "RoiAlign"],
  "integer arithmetic with zero points as operands": [
    "ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul",
  ],
  "bits of integers": ["BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"],
  determinants: ["Det"],
}; // biome-ignore format: a table

/** Element types that devices compute with: float, int32, int64, bool, float16, double, bfloat16. */
export const countedTypes: ReadonlySet<number> = new Set([1, 6, 7, 9, 10, 11, 16]);

const reasons = new Map(
  Object.entries(withoutCounterpart).flatMap(([reason, operators]) => operators.map((one) => [one, reason] as const)),
);

/** Why a case with these operators and element types does not count; undefined when it does. */
export function excluded(
  operators: readonly string[],
  elementTypes: readonly number[],
  name: string,
): string | undefined {
  for (const operator of operators) {
    const reason = reasons.get(operator);
    if (reason !== undefined) return reason;
  }
  if (/^test_(training_dropout|batchnorm_.*training_mode)/.test(name)) return "training";
  if (elementTypes.includes(8)) return "text and its features";
  const quantizes = operators.some((one) => one === "QuantizeLinear" || one === "DequantizeLinear");
  if (!quantizes && elementTypes.some((type) => !countedTypes.has(type)))
    return "integers other than int32, int64 and bool";
  return undefined;
}

/** What is known about cases that fail, beyond what the run says. */
export const knownFailures: Readonly<Record<string, string>> = {
  test_resize_downsample_scales_cubic_align_corners:
    "the stated outputs are older than the rule: onnxruntime differs from them too",
  test_resize_downsample_scales_linear_align_corners:
    "the stated outputs are older than the rule: onnxruntime differs from them too",
  test_resize_tf_crop_and_resize: "the crop reaches over the image's edge, where a fixed value is to stand",
  test_range_float_type_positive_delta:
    "with its bounds as inputs its size is known only during a run, with constants its result is one",
};
