/** Which steps a recipe takes, and that each of them changes what is written. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { expect, test } from "vitest";
import {
  defaultImprovements,
  improvements,
  improvesWeights,
  parseImprovements,
} from "../../src/quantize/improvements.ts";
import { parseRecipe } from "../../src/quantize/recipe.ts";

test("names come in the order in which the steps are taken, whatever the order of asking", () => {
  expect([...parseImprovements("bias-correction,equalization")]).toEqual(["equalization", "bias-correction"]);
  expect([...parseImprovements("none")]).toEqual([]);
  expect([...parseImprovements(improvements.join())]).toEqual(improvements);
});

test("an unknown name is refused with those there are", () => {
  for (const text of ["", "equalisation", "rounding,", "none,rounding"]) {
    expect(() => parseImprovements(text)).toThrow(FlotillaError);
    expect(() => parseImprovements(text)).toThrow(/Name some of carried-state, equalization, bias-absorption/);
  }
});

test("only weights of 16 levels are rounded by data unasked, and profit from data in a recipe without integers", () => {
  const int4 = parseRecipe("int4-weights");
  expect(defaultImprovements(parseRecipe("int8")).has("rounding")).toBe(false);
  expect(defaultImprovements(int4).has("rounding")).toBe(true);
  expect(improvesWeights(int4, defaultImprovements(int4))).toBe(true);
  expect(improvesWeights(int4, new Set(["bias-correction"]))).toBe(false);
  expect(improvesWeights(parseRecipe("weight-only-int8"), defaultImprovements(int4))).toBe(false);
});
