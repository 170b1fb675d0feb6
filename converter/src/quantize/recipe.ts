/**
 * What the user asked for: the recipes for `.tflite` variants and the dtype of inputs and outputs.
 * Words are those of the command line (design: cli.md). Knows nothing about graphs.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ValueDType } from "./precision.ts";

/** `as-is`: a source that is quantized already, carried through unchanged. */
export const tfliteRecipes = ["float32", "float16", "int8", "as-is"] as const;
export type Recipe = (typeof tfliteRecipes)[number];

/** Dtypes that an integer recipe can give the model's inputs and outputs. */
export const ioDTypes = ["float32", "int8", "uint8", "int16"] as const;
export type IoDType = (typeof ioDTypes)[number];

/** What values at an end of this dtype are inside the graph: uint8 is int8, shifted. */
export const insideOf = (io: Exclude<IoDType, "float32">): ValueDType => (io === "int16" ? "int16" : "int8");

export const calibrationMethods = ["min-max", "moving-average", "percentile", "mse", "entropy"] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

/** @throws CONFIG_RECIPE_UNKNOWN with the recipes there are. */
export function parseRecipe(text: string): Recipe {
  const recipe = tfliteRecipes.find((known) => known === text);
  if (recipe) return recipe;
  throw new FlotillaError(
    "CONFIG_RECIPE_UNKNOWN",
    `"${text}" is no recipe for .tflite. Choose one of ${tfliteRecipes.join(", ")}.`,
    { details: { found: text, expected: tfliteRecipes } },
  );
}

/** @throws QUANT_OPTION with the dtypes there are. */
export function parseIoDType(text: string): IoDType {
  const dtype = ioDTypes.find((known) => known === text);
  if (dtype) return dtype;
  throw new FlotillaError("QUANT_OPTION", `"${text}" is no dtype for --io. Choose one of ${ioDTypes.join(", ")}.`, {
    details: { option: "io", found: text, expected: ioDTypes },
  });
}

/** @throws QUANT_OPTION with the methods there are. */
export function parseCalibrationMethod(text: string): CalibrationMethod {
  const method = calibrationMethods.find((known) => known === text);
  if (method) return method;
  throw new FlotillaError(
    "QUANT_OPTION",
    `"${text}" is no calibration method. Choose one of ${calibrationMethods.join(", ")}.`,
    { details: { option: "calibration-method", found: text, expected: calibrationMethods } },
  );
}

/** Does this recipe need to see data? */
export const needsCalibration = (recipe: string): boolean => recipe === "int8";

/** Methods that look at the distribution; min-max and moving average do without. */
export const needsHistograms = (method: CalibrationMethod): boolean =>
  method === "percentile" || method === "mse" || method === "entropy";
