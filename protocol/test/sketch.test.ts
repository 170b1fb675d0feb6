import { DDSketch } from "@datadog/sketches-js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBase64 } from "../src/base64.ts";
import { FlotillaError } from "../src/errors.ts";
import {
  addToSketch,
  createSketch,
  decodeSketch,
  encodeSketch,
  type MetricSketch,
  mergeSketch,
  sketchQuantile,
} from "../src/sketch.ts";
import { encodeSketchBytes } from "../src/sketch-wire.ts";

const sketchOf = (values: readonly number[]): MetricSketch => {
  const sketch = createSketch();
  for (const value of values) addToSketch(sketch, value);
  return sketch;
};
const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });
const quantiles = [0, 0.25, 0.5, 0.95, 1];

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof FlotillaError) return error.code;
  }
  return "no FlotillaError";
};

describe("sketch", () => {
  it("answers every quantile within 1 % of the exact one", () => {
    fc.assert(
      fc.property(values, (list) => {
        const sorted = [...list].sort((a, b) => a - b);
        const sketch = sketchOf(list);
        for (const q of quantiles) {
          const exact = sorted[Math.floor(q * (list.length - 1))] ?? 0;
          expect(Math.abs((sketchQuantile(sketch, q) ?? Number.NaN) - exact)).toBeLessThanOrEqual(exact * 0.010001);
        }
      }),
    );
  });

  it("agrees with Datadog's own sketch", () => {
    fc.assert(
      fc.property(values, (list) => {
        const theirs = new DDSketch({ relativeAccuracy: 0.01 });
        for (const value of list) theirs.accept(value);
        const ours = sketchOf(list);
        for (const q of quantiles) {
          const their = theirs.getValueAtQuantile(q);
          expect(Math.abs((sketchQuantile(ours, q) ?? 0) - their)).toBeLessThanOrEqual(their * 0.0203);
        }
      }),
    );
  });

  it("merges to the sketch of all values, in any order, and survives encoding", () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        const merged = sketchOf(left);
        mergeSketch(merged, decodeSketch(encodeSketch(sketchOf(right))));
        const other = sketchOf(right);
        mergeSketch(other, sketchOf(left));
        expect(encodeSketch(merged)).toBe(encodeSketch(sketchOf([...left, ...right])));
        expect(encodeSketch(other)).toBe(encodeSketch(merged));
        expect(decodeSketch(encodeSketch(merged)).count).toBe(left.length + right.length);
      }),
    );
  });

  it("keeps confidences of exactly 1.0 in a merge (where @datadog/sketches-js loses them)", () => {
    const sketch = sketchOf(Array.from({ length: 10 }, (_, n) => 0.03 + n / 300));
    mergeSketch(sketch, sketchOf([0.002, 1, 0.002, 1]));
    expect(sketchQuantile(sketch, 1)).toBeCloseTo(1, 1);
  });

  it("counts zeros and tiny values as zero, and has no quantile when empty", () => {
    expect(sketchQuantile(sketchOf([0, 1e-9, 5]), 0.5)).toBe(0);
    expect(sketchQuantile(createSketch(), 0.5)).toBeNull();
    expect(decodeSketch(encodeSketch(createSketch())).count).toBe(0);
  });

  it("stays below the document's bound whatever it is fed", () => {
    const everything = createSketch();
    for (let exponent = -320; exponent < 308; exponent += 0.004) addToSketch(everything, 10 ** exponent);
    expect(encodeSketch(everything).length).toBeLessThan(20_000);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses %s without counting it", (value) => {
    const sketch = createSketch();
    expect(codeOf(() => addToSketch(sketch, value))).toBe("CONFIG_INVALID");
    expect(sketch.count).toBe(0);
  });

  const gamma = 1.01 / 0.99;
  it.each([
    ["not base64", "%%%"],
    ["no bytes", ""],
    ["too long", "A".repeat(65_540)],
    ["another accuracy", encodeBase64(encodeSketchBytes(new Map([[1, 1]]), 0, 1.5))],
    ["a negative count", encodeBase64(encodeSketchBytes(new Map([[1, -1]]), 0, gamma))],
    ["a count that is not whole", encodeBase64(encodeSketchBytes(new Map([[1, 0.5]]), 0, gamma))],
    ["NaN", encodeBase64(encodeSketchBytes(new Map([[1, Number.NaN]]), 0, gamma))],
    ["infinitely many", encodeBase64(encodeSketchBytes(new Map([[1, Number.POSITIVE_INFINITY]]), 0, gamma))],
    ["a bin out of range", encodeBase64(encodeSketchBytes(new Map([[50_000, 1]]), 0, gamma))],
    ["negative zeros", encodeBase64(encodeSketchBytes(new Map(), -1, gamma))],
  ])("refuses %s", (_name, text) => {
    expect(codeOf(() => decodeSketch(text))).toBe("FORMAT_DOCUMENT");
  });

  it("never fails otherwise on flipped or cut bytes", () => {
    const bytes = encodeSketchBytes(sketchOf([0.5, 12, 80, 81]).bins, 3, gamma);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const bad = cut ? bytes.slice(0, at) : bytes.map((byte, index) => (index === at ? value : byte));
        try {
          decodeSketch(encodeBase64(bad));
        } catch (error) {
          expect(error).toBeInstanceOf(FlotillaError);
        }
      }),
    );
  });
});
