/** The trial's judgement in a table: what passes, and what is missing, not stated or not comparable does not. */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { describe, expect, it } from "vitest";
import { judgeTrial, type TrialOutput } from "../../src/core/trial.ts";

const samples = 4;
const floats = (values: readonly number[], shape: readonly number[]): NdArray => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

/** Outputs of `size` values a sample, alike on the device, in the golden file's variant and in the source. */
function output(size: number, change: Partial<TrialOutput> = {}): TrialOutput {
  const values = Array.from({ length: samples * size }, (_, i) => Math.sin(i + 1));
  const device = Array.from({ length: samples }, (_, i) => floats(values.slice(i * size, (i + 1) * size), [1, size]));
  const recorded = floats(values, [samples, size]);
  return { name: "y", device, quantization: null, variant: recorded, source: recorded, ...change };
}

const tight = { atol: 1e-6, rtol: 1e-6, integerUnits: 2 };
const zeros = (size: number) => floats(new Array<number>(samples * size).fill(0), [samples, size]);
const flipped = (size: number) => {
  const { source } = output(size);
  return floats(
    [...(source?.data ?? [])].map((value) => -Number(value)),
    [samples, size],
  );
};

describe("a trial", () => {
  it.each([
    ["by SQNR", 3, { minSqnrDb: 20 }],
    ["by the top class", 3, { minTop1Agreement: 1 }],
    ["of single values by SQNR", 1, { minSqnrDb: 20 }],
  ])("passes what is alike, %s", (_what, size, bound) => {
    expect(judgeTrial([output(size)], { ...tight, ...bound })).toEqual({ passed: true });
  });

  it.each([
    ["no outputs", [], { minSqnrDb: 20 }, "TRIAL_MISMATCH"],
    ["no recorded variant", [output(3, { variant: undefined })], { minSqnrDb: 20 }, "TRIAL_MISMATCH"],
    ["another variant", [output(3, { variant: zeros(3) })], { minSqnrDb: 20 }, "TRIAL_MISMATCH"],
    ["no recorded source", [output(3, { source: undefined })], { minSqnrDb: 20 }, "TRIAL_DISAGREES"],
    ["another source, by SQNR", [output(3, { source: flipped(3) })], { minSqnrDb: 20 }, "TRIAL_DISAGREES"],
    ["another source, by class", [output(3, { source: flipped(3) })], { minTop1Agreement: 1 }, "TRIAL_DISAGREES"],
    ["no bound against the source", [output(3)], {}, "TRIAL_DISAGREES"],
    ["a bound on classes where there are none", [output(1)], { minTop1Agreement: 0 }, "TRIAL_DISAGREES"],
    [
      "fewer samples in the source",
      [output(3, { source: floats([1, 2, 3], [1, 3]) })],
      { minSqnrDb: 20 },
      "TRIAL_DISAGREES",
    ],
  ])("fails with %s", (_what, outputs, bound, code) => {
    expect(judgeTrial(outputs, { ...tight, ...bound })).toMatchObject({ passed: false, code });
  });

  it("fails with a value that is no number, on either side", () => {
    const broken = output(3);
    const device = broken.device.with(0, floats([Number.NaN, 0, 0], [1, 3]));
    expect(judgeTrial([{ ...broken, device }], { ...tight, atol: 1e9, minSqnrDb: -1e9 })).toMatchObject({
      passed: false,
    });
    const variant = floats(new Array<number>(samples * 3).fill(Number.NaN), [samples, 3]);
    expect(judgeTrial([{ ...broken, variant }], { ...tight, atol: 1e9, minSqnrDb: -1e9 })).toMatchObject({
      passed: false,
    });
  });
});
