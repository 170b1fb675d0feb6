/** Is a model quantized already? Told by its tensors, never by operator versions or names. */
import type { Model } from "../ir/graph.ts";

/** Integers that stand for real numbers anywhere: activations, weights, or the model's ends. */
export const isQuantized = ({ graphs }: Model): boolean =>
  graphs.some(({ tensors }) =>
    [...tensors.values()].some(({ dtype, quantization }) => quantization !== undefined && !dtype.startsWith("float")),
  );
