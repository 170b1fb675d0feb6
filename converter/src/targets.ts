/** What variants are asked for: formats to write, and the recipes of each (design: cli.md `--to`, `--recipe`). */
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseRecipe, type Recipe, tfliteRecipes } from "./quantize/recipe.ts";
import { type TfjsRecipe, tfjsRecipes } from "./writers/tfjs-weights/tfjs-recipe.ts";

export const targets = ["tflite", "tfjs", "tfjs-layers"] as const;
export type Target = (typeof targets)[number];

export type VariantRequest =
  | { readonly target: "tflite"; readonly recipe: Recipe }
  | { readonly target: "tfjs" | "tfjs-layers"; readonly recipe: TfjsRecipe };

/**
 * One variant for each target and each recipe that the target knows; float32 where none is asked for. A recipe that no
 * target asked for knows is refused. `files`: recipes read from files, by what they were asked for as.
 * @throws CONFIG_INVALID, CONFIG_RECIPE_UNKNOWN
 */
export function planVariants(
  to: readonly string[] = [],
  recipes: readonly string[] = [],
  files: ReadonlyMap<string, Recipe> = new Map(),
): readonly VariantRequest[] {
  const knows = (target: Target, recipe: string): boolean =>
    recipesOf(target).includes(recipe) || (target === "tflite" && files.has(recipe));
  const asked = [...new Set(to.length === 0 ? ["tflite"] : to)].map(parseTarget);
  for (const recipe of recipes) if (!asked.some((target) => knows(target, recipe))) throw unknown(asked, recipe);
  return asked.flatMap((target): VariantRequest[] => {
    const own = [...new Set(recipes.filter((recipe) => knows(target, recipe)))];
    const wanted = own.length === 0 ? ["float32"] : own;
    if (target === "tflite")
      return wanted.map((recipe) => ({ target, recipe: files.get(recipe) ?? parseRecipe(recipe) }));
    return tfjsRecipes.filter((recipe) => wanted.includes(recipe)).map((recipe) => ({ target, recipe }));
  });
}

const recipesOf = (target: Target): readonly string[] => (target === "tflite" ? tfliteRecipes : tfjsRecipes);

function parseTarget(name: string): Target {
  const target = targets.find((one) => one === name);
  if (target !== undefined) return target;
  throw new FlotillaError("CONFIG_INVALID", `"${name}" is no format to write. Choose of ${targets.join(", ")}.`, {
    details: { option: "to", found: name, expected: targets },
  });
}

function unknown(asked: readonly Target[], recipe: string): FlotillaError {
  const lists = asked.map((target) => `for ${target} there are ${recipesOf(target).join(", ")}`);
  return new FlotillaError("CONFIG_RECIPE_UNKNOWN", `"${recipe}" is no recipe here: ${lists.join("; ")}.`, {
    details: { found: recipe, expected: [...new Set(asked.flatMap(recipesOf))] },
  });
}

/**
 * The variants of a source that is quantized already: its numbers cannot be had back, so a `.tflite` is carried through
 * under the recipe `as-is`, which is taken where none was asked for.
 * @throws QUANT_OPTION for another recipe, and for `as-is` on a source in float
 */
export function settleRecipes(
  variants: readonly VariantRequest[],
  source: { readonly quantized: boolean; readonly recipesAsked: boolean },
): readonly VariantRequest[] {
  return variants.map((variant) => {
    if (variant.target !== "tflite" || source.quantized === (variant.recipe.precision === "as-is")) return variant;
    if (!source.quantized)
      throw new FlotillaError("QUANT_OPTION", "--recipe as-is is for sources that are quantized already.", {
        details: { option: "recipe", found: "as-is" },
      });
    if (!source.recipesAsked) return { target: "tflite", recipe: parseRecipe("as-is") };
    throw new FlotillaError(
      "QUANT_OPTION",
      `The source is quantized already; ${variant.recipe.name} cannot be made of it. Take --recipe as-is, or the float model.`,
      { details: { option: "recipe", found: variant.recipe.name, expected: ["as-is"] } },
    );
  });
}
