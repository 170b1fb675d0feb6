/**
 * A recipe as a JSON document, `flotilla/recipe`: written by people, and saved with every variant. Unlike documents that
 * devices keep, it has no room for fields that nobody knows: a typing error must not look like a recipe.
 */
import { defineDocument, head, parseDocument } from "@flotilla/protocol/documents/document";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Static, Type } from "typebox";
import { blockSizes, precisions } from "./precision.ts";
import type { Recipe } from "./recipe.ts";
import { parseSelector } from "./selector.ts";

const Precision = Type.Enum([...precisions]);
const closed = { additionalProperties: false };

const RecipeDocument = Type.Object(
  {
    ...head("recipe"),
    /** Also of the variant's file. */
    name: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{2,63}$" }),
    precision: Type.Enum([...precisions, "as-is"]),
    blockSize: Type.Optional(Type.Enum([...blockSizes])),
    overrides: Type.Optional(
      Type.Array(Type.Object({ select: Type.String({ minLength: 1, maxLength: 300 }), precision: Precision }, closed), {
        maxItems: 4096,
      }),
    ),
  },
  closed,
);
export type RecipeDocument = Static<typeof RecipeDocument>;
export const recipeDocument = defineDocument("recipe", 1, RecipeDocument);

/** @throws FORMAT_DOCUMENT for unknown and wrong fields, QUANT_SELECTOR */
export function parseRecipeDocument(value: unknown): Recipe {
  const { name, precision, blockSize = null, overrides = [] } = parseDocument(recipeDocument, value);
  if (precision === "as-is" && overrides.length > 0)
    throw new FlotillaError("QUANT_OPTION", "A recipe that carries the source as it is overrides nothing.", {
      details: { option: "recipe", found: "as-is" },
    });
  return {
    name,
    precision,
    blockSize,
    overrides: overrides.map(({ select, precision: own }) => ({ selector: parseSelector(select), precision: own })),
  };
}

export function describeRecipe({ name, precision, blockSize, overrides }: Recipe): RecipeDocument {
  return {
    type: "flotilla/recipe",
    version: recipeDocument.version,
    name,
    precision,
    ...(blockSize === null ? {} : { blockSize }),
    ...(overrides.length === 0
      ? {}
      : { overrides: overrides.map(({ selector, precision: own }) => ({ select: selector.text, precision: own })) }),
  };
}
