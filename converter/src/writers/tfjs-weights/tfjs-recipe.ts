/** How the weights of TFJS variants are stored (design: formats.md, "Precision of TFJS variants"). */
import { FlotillaError } from "@flotilla/protocol/errors";

export const tfjsRecipes = ["float32", "float16", "weights-uint16", "weights-uint8"] as const;
export type TfjsRecipe = (typeof tfjsRecipes)[number];

/** @throws CONFIG_USAGE */
export function parseTfjsRecipe(name: string): TfjsRecipe {
  const recipe = tfjsRecipes.find((one) => one === name);
  if (recipe !== undefined) return recipe;
  throw new FlotillaError(
    "CONFIG_USAGE",
    `TFJS variants have the recipes ${tfjsRecipes.join(", ")}; found "${name}".`,
    {
      details: { found: name, supported: tfjsRecipes },
    },
  );
}
