/**
 * What one operator can be given: how its values and its weights are held. The words are those of recipes and overrides
 * (design: cli.md). Knows neither graphs nor kernels.
 */

/** Dearest first among those that compute in float, then those whose values are integers. */
export const precisions = [
  "float32",
  "float16",
  "weight-only-int8",
  "dynamic-int8",
  "int4-weights",
  "int16x8",
  "int8",
  "int8-per-tensor",
] as const;
export type Precision = (typeof precisions)[number];

/** How the values of an operator in integers are held; its weights are int8 in both. */
export type IntegerMode = "int8" | "int16x8";
export type ValueDType = "int8" | "int16";

/** null: it computes in float, whatever its weights are stored as. */
export function integerModeOf(precision: Precision): IntegerMode | null {
  switch (precision) {
    case "int8":
    case "int8-per-tensor":
      return "int8";
    case "int16x8":
      return "int16x8";
    default:
      return null;
  }
}

export const valueDTypeOf = (mode: IntegerMode): ValueDType => (mode === "int8" ? "int8" : "int16");

/** Values that share one scale of int4 weights; XNNPACK takes multiples of 32. */
export const blockSizes = [32, 64, 128, 256] as const;
export type BlockSize = (typeof blockSizes)[number];
