/** How the weights of TFJS variants are stored (design: formats.md, "Precision of TFJS variants"). */

export const tfjsRecipes = ["float32", "float16", "weights-uint16", "weights-uint8"] as const;
export type TfjsRecipe = (typeof tfjsRecipes)[number];
