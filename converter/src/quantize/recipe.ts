/**
 * What the user asked for: a precision for all operators, other ones for some, and the dtype of inputs and outputs.
 * Words are those of the command line (design: cli.md). Knows no graph.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type BlockSize, blockSizes, integerModeOf, type Precision, precisions, type ValueDType } from "./precision.ts";
import { parseSelector, type Selector } from "./selector.ts";

/** `as-is`: a source that is quantized already, carried through unchanged. */
export const tfliteRecipes = [
  "float32",
  "float16",
  "dynamic-int8",
  "weight-only-int8",
  "int8",
  "int16x8",
  "int4-weights",
  "auto",
  "as-is",
] as const satisfies readonly (Precision | "auto" | "as-is")[];

/** Another precision for the operators selected; later ones win. */
export interface Override {
  readonly selector: Selector;
  readonly precision: Precision;
}

export interface Recipe {
  /** Also of the variant's file. */
  readonly name: string;
  readonly precision: Precision | "as-is";
  readonly overrides: readonly Override[];
  /** Of int4 weights whose kernel takes blocks; null: one scale per channel. */
  readonly blockSize: BlockSize | null;
  /** `auto`: which operators are dearer than int8 is found by a search. */
  readonly search?: true;
}

/** Dtypes that an integer recipe can give the model's inputs and outputs. */
export const ioDTypes = ["float32", "int8", "uint8", "int16"] as const;
export type IoDType = (typeof ioDTypes)[number];

/** What values at an end of this dtype are inside the graph: uint8 is int8, shifted. */
export const insideOf = (io: Exclude<IoDType, "float32">): ValueDType => (io === "int16" ? "int16" : "int8");

export const calibrationMethods = ["min-max", "moving-average", "percentile", "mse", "entropy"] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

/** @throws CONFIG_RECIPE_UNKNOWN with the recipes there are. */
export function parseRecipe(text: string): Recipe {
  const precision = tfliteRecipes.find((known) => known === text);
  if (precision === "auto") return { name: precision, precision: "int8", overrides: [], blockSize: null, search: true };
  if (precision) return { name: precision, precision, overrides: [], blockSize: null };
  throw new FlotillaError(
    "CONFIG_RECIPE_UNKNOWN",
    `"${text}" is no recipe for .tflite. Choose one of ${tfliteRecipes.join(", ")}, or a .json file.`,
    { details: { found: text, expected: tfliteRecipes } },
  );
}

/** `SELECTOR=PRECISION`. @throws QUANT_SELECTOR, CONFIG_RECIPE_UNKNOWN */
export function parseOverride(text: string): Override {
  const at = text.lastIndexOf("=");
  if (at > 0) return { selector: parseSelector(text.slice(0, at)), precision: parsePrecision(text.slice(at + 1)) };
  throw new FlotillaError(
    "QUANT_SELECTOR",
    `An override is SELECTOR=PRECISION, like op:CONV_2D=int8-per-tensor; found "${text}".`,
    { details: { selector: text, suggestions: [] } },
  );
}

/** @throws CONFIG_RECIPE_UNKNOWN */
export function parsePrecision(text: string): Precision {
  const precision = precisions.find((known) => known === text);
  if (precision) return precision;
  throw new FlotillaError(
    "CONFIG_RECIPE_UNKNOWN",
    `"${text}" is no precision for an operator. Choose one of ${precisions.join(", ")}.`,
    { details: { found: text, expected: precisions } },
  );
}

/** @throws QUANT_OPTION */
export function parseBlockSize(value: number): BlockSize {
  const size = blockSizes.find((known) => known === value);
  if (size) return size;
  throw new FlotillaError("QUANT_OPTION", `--block-size is one of ${blockSizes.join(", ")}, found ${value}.`, {
    details: { option: "block-size", found: value, expected: blockSizes },
  });
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

/** Every precision that the recipe gives to anything. */
export const precisionsOf = ({ precision, overrides }: Recipe): readonly Precision[] => [
  ...(precision === "as-is" ? [] : [precision]),
  ...overrides.map((override) => override.precision),
];

/** Does its file hold values as integers, as far as kernels can? */
export const isIntegerRecipe = ({ precision }: Recipe): boolean =>
  precision !== "as-is" && integerModeOf(precision) !== null;

/** Does it need to see data? */
export const needsCalibration = (recipe: Recipe): boolean =>
  precisionsOf(recipe).some((precision) => integerModeOf(precision) !== null);

/** Does its file compute exactly what the source computes? */
export const keepsNumbers = (recipe: Recipe): boolean =>
  recipe.precision === "as-is" || precisionsOf(recipe).every((precision) => precision === "float32");

/** Methods that look at the distribution; min-max and moving average do without. */
export const needsHistograms = (method: CalibrationMethod): boolean =>
  method === "percentile" || method === "mse" || method === "entropy";
