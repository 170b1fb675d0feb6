/** The variants that `convert` was asked for, read from its options and from recipe files before anything else is. */
import { readFile, stat } from "node:fs/promises";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { checkOptions } from "./check-options.ts";
import type { ConvertOptions } from "./convert-options.ts";
import {
  type CalibrationMethod,
  type IoDType,
  isIntegerRecipe,
  parseBlockSize,
  parseCalibrationMethod,
  parseIoDType,
  parseOverride,
  precisionsOf,
  type Recipe,
} from "./quantize/recipe.ts";
import { parseRecipeDocument } from "./quantize/recipe-document.ts";
import { parseTarget } from "./runtime-target.ts";
import type { TargetProfile } from "./target-profiles.ts";
import { planVariants, type VariantRequest } from "./targets.ts";

export interface ConvertRequest {
  readonly variants: readonly VariantRequest[];
  readonly io: IoDType;
  readonly method: CalibrationMethod;
  readonly target?: TargetProfile;
}

const largestRecipeBytes = 2 ** 20;

/** @throws CONFIG_*, QUANT_*, FORMAT_JSON, FORMAT_DOCUMENT, IO_* */
export async function parseRequest(options: ConvertOptions): Promise<ConvertRequest> {
  checkOptions(options);
  if (options.recipes?.length === 0) throw new FlotillaError("CONFIG_INVALID", "Ask for at least one recipe.");
  const files = await readRecipes((options.recipes ?? []).filter((recipe) => /\.json$/i.test(recipe)));
  const variants = withOverrides(planVariants(options.to, options.recipes, files), options);
  refuseEqualNames(variants);
  const io = parseIoDType(options.io ?? "float32");
  const recipes = variants.flatMap((variant) => (variant.target === "tflite" ? [variant.recipe] : []));
  if (io !== "float32" && !recipes.some(isIntegerRecipe)) {
    const names = variants.map(nameOf);
    throw new FlotillaError("QUANT_OPTION", `--io ${io} is for integer recipes; none of ${names.join(", ")} is one.`, {
      details: { option: "io", found: io, recipes: names },
    });
  }
  const samples = options.calibration?.samples;
  if (samples !== undefined && !(Number.isSafeInteger(samples) && samples > 0)) {
    throw new FlotillaError("QUANT_OPTION", `--calibration-samples takes a number from 1 on, found ${samples}.`, {
      details: { option: "calibration-samples", found: samples },
    });
  }
  if (options.target !== undefined) refusePrecisions(parseTarget(options.target), recipes);
  return {
    variants,
    io,
    method: parseCalibrationMethod(options.calibration?.method ?? "min-max"),
    ...(options.target === undefined ? {} : { target: parseTarget(options.target) }),
  };
}

/** A precision that the target does not know is not silently another one. */
function refusePrecisions({ name, precisions }: TargetProfile, recipes: readonly Recipe[]): void {
  const wrong = recipes.flatMap(precisionsOf).find((precision) => precisions && !precisions.includes(precision));
  if (wrong === undefined) return;
  throw new FlotillaError("QUANT_OPTION", `${name} has no ${wrong}. It has ${precisions?.join(", ")}.`, {
    details: { option: "target", target: name, found: wrong, expected: precisions },
  });
}

const nameOf = ({ recipe }: VariantRequest): string => (typeof recipe === "string" ? recipe : recipe.name);

/** The recipes of these files, by path. */
async function readRecipes(paths: readonly string[]): Promise<ReadonlyMap<string, Recipe>> {
  const recipes = new Map<string, Recipe>();
  for (const path of paths) recipes.set(path, parseRecipeDocument(parseStrictJson(await readBytes(path))));
  return recipes;
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size <= largestRecipeBytes) return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new FlotillaError("IO_NOT_FOUND", `There is no recipe file at ${path}.`, { details: { path }, cause });
  }
  throw new FlotillaError("CONFIG_INVALID", `${path} is too large for a recipe.`, {
    details: { option: "recipe", found: path },
  });
}

/** `--override` and `--block-size` go for every `.tflite` variant that they can go for. */
function withOverrides(
  variants: readonly VariantRequest[],
  { overrides = [], blockSize }: ConvertOptions,
): readonly VariantRequest[] {
  const more = overrides.map(parseOverride);
  const size = blockSize === undefined ? null : parseBlockSize(blockSize);
  const changed = variants.map((variant): VariantRequest => {
    if (variant.target !== "tflite" || variant.recipe.precision === "as-is") return variant;
    const recipe = { ...variant.recipe, overrides: [...variant.recipe.overrides, ...more] };
    const blocks = size !== null && precisionsOf(recipe).includes("int4-weights");
    return { ...variant, recipe: blocks ? { ...recipe, blockSize: size } : recipe };
  });
  const plain = changed.flatMap((variant) => (variant.target === "tflite" ? [variant.recipe] : []));
  const pointless =
    more.length > 0 && plain.every(({ precision }) => precision === "as-is")
      ? "override"
      : size !== null && plain.every((recipe) => recipe.blockSize === null)
        ? "block-size"
        : null;
  if (pointless === null) return changed;
  throw new FlotillaError(
    "QUANT_OPTION",
    `--${pointless} has nothing to change in ${variants.map(nameOf).join(", ")}.`,
    {
      details: { option: pointless },
    },
  );
}

/** Two variants would be one file. */
function refuseEqualNames(variants: readonly VariantRequest[]): void {
  const names = variants.map((variant) => `${variant.target} ${nameOf(variant)}`);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new FlotillaError("CONFIG_INVALID", `Two recipes are called ${twice}; give the file's recipe another name.`, {
    details: { option: "recipe", found: twice },
  });
}
