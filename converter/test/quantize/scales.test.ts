/** Scale formulas and rounding against values worked out by hand from LiteRT's quantization spec. */
import { describe, expect, test } from "vitest";
import { roundHalfAwayFromZero } from "../../src/quantize/rounding.ts";
import {
  biasScale,
  guardedWeightScale,
  int8Parameters,
  quantizeInt8,
  representable,
  symmetricScale,
} from "../../src/quantize/scales.ts";
import { channelView, quantizeBias, quantizeWeights, weightScales } from "../../src/quantize/weights.ts";

describe("rounding", () => {
  test.each([
    [0.5, 1],
    [-0.5, -1],
    [1.5, 2],
    [-1.5, -2],
    [2.5, 3],
    [-2.5, -3],
    [0.49999999999999994, 0],
    [-0.49999999999999994, 0],
    [2 ** 31 - 0.5, 2 ** 31],
    [-126.5, -127],
    [0, 0],
  ])("%d rounds half away from zero to %d", (value, expected) => {
    expect(roundHalfAwayFromZero(value)).toBe(expected);
  });
});

describe("int8 parameters", () => {
  test.each([
    // range, scale, zero point
    [{ min: 0, max: 6 }, Math.fround(6 / 255), -128],
    [{ min: -1, max: 3 }, Math.fround(4 / 255), -64], // -128 + 63.75 = -64.25
    [{ min: -6, max: 0 }, Math.fround(6 / 255), 127],
    [{ min: 2, max: 6 }, Math.fround(6 / 255), -128], // 0 is always in
    [{ min: -6, max: -2 }, Math.fround(6 / 255), 127],
  ])("of %j", (range, scale, zeroPoint) => {
    const made = int8Parameters(range);
    expect(made.scale).toBe(scale);
    expect(made.zeroPoint).toBe(zeroPoint);
  });

  test("are never of scale 0, and 0 is exact", () => {
    for (const range of [
      { min: 0, max: 0 },
      { min: 0, max: 1e-9 },
      { min: -1e-7, max: 1e-7 },
    ]) {
      const made = int8Parameters(range);
      expect(made.scale).toBeGreaterThan(0);
      expect(made.scale).toBe(Math.fround(Math.fround(2 * Math.fround(5e-7)) / 255));
      const { min, max } = representable(made);
      expect(min).toBeLessThanOrEqual(0);
      expect(max).toBeGreaterThanOrEqual(0);
    }
  });

  test("are float32 values", () => {
    const { scale } = int8Parameters({ min: -0.1, max: 0.3 });
    expect(Math.fround(scale)).toBe(scale);
  });

  test("quantize ties away from zero and saturate", () => {
    const parameters = { scale: 0.5, zeroPoint: 10 };
    expect([0.25, -0.25, 0.75, -0.75, 1000, -1000].map((value) => quantizeInt8(value, parameters))).toEqual([
      11, 9, 12, 8, 127, -128,
    ]);
  });
});

describe("weights", () => {
  test("per channel along the first and the last axis", () => {
    const values = new Float32Array([1, -2, 3, 127, 0, -254]);
    expect(weightScales(values, channelView([2, 3], 0))).toEqual([Math.fround(3 / 127), 2]);
    expect(weightScales(values, channelView([2, 3], 1))).toEqual([1, Math.fround(2 / 127), 2]);
    expect(weightScales(values, channelView([2, 3], null))).toEqual([2]);
    expect([...quantizeWeights(values, channelView([2, 3], 1), [1, Math.fround(2 / 127), 2])]).toEqual([
      1, -127, 2, 127, 0, -127,
    ]);
  });

  test("stay within ±127, so that -128 never occurs", () => {
    const quantized = quantizeWeights(new Float32Array([-10, 10]), channelView([2], null), [0.01]);
    expect([...quantized]).toEqual([-127, 127]);
  });

  test("an all-zero channel still has a scale", () => {
    expect(symmetricScale(0)).toBeGreaterThan(0);
  });

  test("a bias that would overflow widens its channel's scale just enough", () => {
    const inputScale = Math.fround(0.01);
    const weightScale = symmetricScale(0);
    const bias = 3;
    const widened = guardedWeightScale(weightScale, inputScale, bias);
    expect(widened).toBeGreaterThan(weightScale);
    const [q] = quantizeBias(Float32Array.of(bias), [biasScale(inputScale, widened)]);
    expect(q).toBeLessThan(2 ** 30 + 1);
    expect(q).toBeGreaterThan(2 ** 30 * 0.999);
    expect(guardedWeightScale(0.02, inputScale, bias)).toBe(0.02);
  });
});
