/** Observers as folds: what each method makes of known samples, and that order of widening does not matter. */
import { describe, expect, test } from "vitest";
import { channelMeans, emptyObservation, observe, rangeOf } from "../../src/quantize/observers.ts";
import { calibrationMethods } from "../../src/quantize/recipe.ts";

const seen = (...samples: number[][]) => {
  const state = emptyObservation(1, true);
  for (const sample of samples) observe(state, Float32Array.from(sample));
  return state;
};

describe("observers", () => {
  test("min-max is the hull of all samples", () => {
    expect(rangeOf(seen([0, 1], [-3, 2], [0.5]), "min-max")).toEqual({ min: -3, max: 2 });
  });

  test("no range where it is wider than float32 can say: its scale would be infinite", () => {
    for (const method of calibrationMethods) expect(rangeOf(seen([-3e38, 3e38]), method)).toBeNull();
  });

  test("moving average starts at the first sample and smooths by 0.95", () => {
    const range = rangeOf(seen([-1, 1], [-3, 2]), "moving-average");
    expect(range?.min).toBeCloseTo(0.95 * -1 + 0.05 * -3, 12);
    expect(range?.max).toBeCloseTo(0.95 * 1 + 0.05 * 2, 12);
  });

  test("percentile cuts a rare outlier and keeps the rest", () => {
    const usual = Array.from({ length: 100_000 }, (_, index) => (index % 1000) / 1000);
    const range = rangeOf(seen([...usual, 500]), "percentile");
    expect(range?.max).toBeLessThan(1.2);
    expect(range?.max).toBeGreaterThanOrEqual(0.998);
    expect(range?.min).toBe(0);
  });

  test("least error lies between the bulk and the outlier", () => {
    const usual = Array.from({ length: 100_000 }, (_, index) => (index % 1000) / 1000 - 0.5);
    const range = rangeOf(seen([...usual, 4]), "mse");
    expect(range?.max).toBeLessThan(4);
    expect(range?.max).toBeGreaterThan(0.4);
    expect(range?.min).toBeLessThanOrEqual(-0.4);
  });

  test("entropy clips the tail of a bell and keeps what is flat", () => {
    // A bell of 100,000 by the sum of 12 uniform numbers (Lehmer generator), with one value far outside.
    let state = 1;
    const uniform = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const bell = Array.from({ length: 100_000 }, () => Array.from({ length: 12 }, uniform).reduce((a, b) => a + b) - 6);
    const clipped = rangeOf(seen([...bell, 30]), "entropy");
    expect(clipped?.max).toBeLessThan(15);
    expect(clipped?.max).toBeGreaterThan(2);
    const flat = rangeOf(seen(Array.from({ length: 100_000 }, (_, index) => index / 50_000 - 1)), "entropy");
    expect(flat?.max).toBeGreaterThan(0.95);
    expect(flat?.min).toBeLessThan(-0.95);
  });

  test("a histogram that widens late counts the same as one that is wide from the start", () => {
    const small = Array.from({ length: 5000 }, (_, index) => Math.fround(((index * 37) % 5000) / 5000));
    const wide = [-90, 90];
    const late = seen(small, wide).histogram;
    const early = seen(wide, small).histogram;
    expect(late?.halfWidth).toBe(128);
    expect(late).toEqual(early);
  });

  test("NaN and infinities leave no range under any method", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const method of calibrationMethods) expect(rangeOf(seen([1], [bad]), method)).toBeNull();
    }
  });

  test("nothing seen is no range", () => {
    expect(rangeOf(seen([]), "min-max")).toBeNull();
  });

  test("means are per channel of the last axis", () => {
    const state = emptyObservation(2, false);
    observe(state, Float32Array.of(1, 10, 3, 30));
    observe(state, Float32Array.of(5, 50, 7, 70));
    expect([...channelMeans(state)]).toEqual([4, 40]);
  });
});
