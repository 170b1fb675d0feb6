/** Decibels at their edges: JSON has neither infinities nor NaN, and null means identical. */
import { expect, test } from "vitest";
import { decibels } from "../../src/prove/decibels.ts";

test.each([
  [100, 1, 20],
  [1, 100, -20],
  [5, 0, null],
  [0, 0, null],
  [0, 1, -3000],
  [1, Number.POSITIVE_INFINITY, -3000],
  [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -3000],
  [Number.NaN, 1, -3000],
  [1, Number.NaN, -3000],
])("signal %d, noise %d: %d dB", (signal, noise, expected) => {
  expect(decibels(signal, noise)).toBe(expected);
  expect(JSON.parse(JSON.stringify([decibels(signal, noise)]))).toEqual([expected]);
});
