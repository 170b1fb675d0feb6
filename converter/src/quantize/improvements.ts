/**
 * The steps that get accuracy back, each a function of its own that can be left out: which there are, and which a recipe
 * takes when nothing is said. Words are those of the command line. Knows no graph.
 *
 * Measured on two MobileNetV2 (logits, SQNR in dB): for int8 per channel, bias correction brings up to 8 dB, rounding by
 * data within 1 dB of nothing, equalization takes some away. For weights with one scale, equalization brought 3.8 dB to the
 * one whose weights are even, and bias correction with weight scales 11.8 dB to the one that had collapsed.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { precisionsOf, type Recipe } from "./recipe.ts";

/** In the order in which they are taken. */
export const improvements = [
  "carried-state",
  "equalization",
  "bias-absorption",
  "weight-scales",
  "rounding",
  "bias-correction",
] as const;
export type Improvement = (typeof improvements)[number];
export type Improvements = ReadonlySet<Improvement>;

/** Weights of 16 levels need their data; those of 256 gain nothing that was worth its time. */
export const defaultImprovements = (recipe: Recipe): Improvements =>
  new Set<Improvement>([
    "carried-state",
    "weight-scales",
    "bias-correction",
    ...(precisionsOf(recipe).includes("int4-weights") ? (["rounding"] as const) : []),
  ]);

/** Names with commas between them, or "none". @throws QUANT_OPTION with those there are */
export function parseImprovements(text: string): Improvements {
  if (text === "none") return new Set();
  const names = text.split(",");
  const unknown = names.find((name) => !improvements.some((known) => known === name));
  if (unknown === undefined) return new Set(improvements.filter((known) => names.includes(known)));
  throw new FlotillaError(
    "QUANT_OPTION",
    `"${unknown}" is no improvement. Name some of ${improvements.join(", ")}, with commas between them, or none.`,
    { details: { option: "improve", found: unknown, expected: improvements } },
  );
}

/** Do weights stored narrower profit from data, although no value becomes an integer? */
export const improvesWeights = (recipe: Recipe, chosen: Improvements): boolean =>
  precisionsOf(recipe).includes("int4-weights") && (chosen.has("weight-scales") || chosen.has("rounding"));
