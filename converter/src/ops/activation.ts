/** Fused activations: which there are for most operators, and what they do to a float32 value. */
import { refuse } from "./refuse.ts";

/** What the kernels of the affine operators, pools and arithmetic can clamp to (`CalculateActivationRange`). */
export const clamps: readonly string[] = ["RELU", "RELU_N1_TO_1", "RELU6"];

const bounds: Readonly<Record<string, readonly [number, number]>> = {
  NONE: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  RELU: [0, Number.POSITIVE_INFINITY],
  RELU_N1_TO_1: [-1, 1],
  RELU6: [0, 6],
};

/** The range that a fused activation leaves. */
export function clampOf(fusedActivationFunction: string): readonly [number, number] {
  const range = bounds[fusedActivationFunction];
  if (!range) throw refuse(`The fused activation ${fusedActivationFunction} is not one that kernels have.`);
  return range;
}
