/** Parity's figures on values worked out by hand (design: formats.md, "Parity"). */
import { describe, expect, test } from "vitest";
import { ParityMeter } from "../../src/prove/parity.ts";

const meter = (...names: string[]) => new ParityMeter(names.map((name) => ({ name, integer: false })));

describe("parity", () => {
  test("identical outputs: 0, and SQNR is null", () => {
    const one = meter("y");
    one.add([{ source: [1, 2], variant: [1, 2] }]);
    one.add([{ source: [3, 1], variant: [3, 1] }]);
    expect(one.report("itself")).toMatchObject({
      maxRel: 0,
      maxAbs: 0,
      sqnrDb: null,
      cosine: 1,
      top1Agreement: 1,
      dead: [],
    });
  });

  test("rel is relative to the sample's largest value, and names the worst", () => {
    const one = meter("a", "b");
    one.add([
      { source: [10, 0], variant: [10, 0] },
      { source: [1], variant: [1] },
    ]);
    one.add([
      { source: [0, 4], variant: [1, 4] },
      { source: [2], variant: [2.2] },
    ]);
    const report = one.report("x");
    expect(report.maxRel).toBeCloseTo(0.25, 12);
    expect(report.worst).toEqual({ output: "a", sample: 1 });
    expect(report.maxAbs).toBe(1);
    expect(report.samples).toBe(2);
  });

  test("a sample of all zeros is judged against 1e-3 of the RMS over all samples", () => {
    const one = meter("y");
    one.add([{ source: [100, 100], variant: [100, 100] }]);
    one.add([{ source: [0, 0], variant: [0.01, 0] }]);
    const rms = Math.sqrt((100 ** 2 * 2) / 4);
    expect(one.report("x").maxRel).toBeCloseTo(0.01 / (1e-3 * rms), 12);
  });

  test("SQNR is the lowest of all outputs, in dB", () => {
    const one = meter("good", "bad");
    one.add([
      { source: [10], variant: [10.1] },
      { source: [10], variant: [11] },
    ]);
    expect(one.report("x").sqnrDb).toBeCloseTo(20, 9);
  });

  test("NaN in the variant is never close", () => {
    const one = meter("y");
    one.add([{ source: [1, 2], variant: [1, Number.NaN] }]);
    const report = one.report("x");
    expect(report.maxRel).toBeGreaterThan(1e100);
    expect(report.sqnrDb).toBeLessThan(-100);
    expect(JSON.parse(JSON.stringify(report)).sqnrDb).toBeLessThan(-100);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d in the source hides no difference elsewhere", (hole) => {
    const one = meter("y");
    one.add([{ source: [hole, 2], variant: [hole, 3] }]);
    one.add([{ source: [1, 2], variant: [1, 4] }]);
    const report = one.report("x");
    expect(report.maxRel).toBeCloseTo(1, 12);
    expect(report.worst.sample).toBe(1);
    expect(report.sqnrDb).toBeCloseTo(10 * Math.log10(9 / 5), 9);
    expect(Number.isFinite(report.cosine)).toBe(true);
  });

  test("a source of zeros and a variant that is not: a figure that JSON can hold", () => {
    const one = meter("y");
    one.add([{ source: [0, 0], variant: [0, 1] }]);
    expect(JSON.parse(JSON.stringify(one.report("x"))).sqnrDb).toBeLessThan(-100);
  });

  test("a missing element is never close", () => {
    const one = meter("y");
    one.add([{ source: [1, 2], variant: [1] }]);
    expect(one.report("x").maxRel).toBeGreaterThan(1e100);
  });

  test("an output that never changes is dead", () => {
    const one = meter("live", "dead");
    one.add([
      { source: [1], variant: [1] },
      { source: [5, 5], variant: [5, 5] },
    ]);
    one.add([
      { source: [2], variant: [2] },
      { source: [5, 5], variant: [5, 5] },
    ]);
    expect(one.report("x").dead).toEqual(["dead"]);
  });

  test("top-1 agreement counts samples", () => {
    const one = meter("y");
    one.add([{ source: [1, 2, 3], variant: [1, 2, 3] }]);
    one.add([{ source: [1, 2, 3], variant: [3, 2, 1] }]);
    expect(one.report("x").top1Agreement).toBe(0.5);
  });

  test("integer outputs that differ are shown", () => {
    const one = new ParityMeter([{ name: "index", integer: true }]);
    one.add([{ source: [7, 3], variant: [7, 4] }]);
    expect(one.report("x").integerMismatches).toEqual([
      { output: "index", sample: 0, index: 1, source: 3, variant: 4 },
    ]);
  });
});
