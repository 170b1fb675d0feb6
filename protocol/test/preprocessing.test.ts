import { Check } from "typebox/value";
import { describe, expect, it } from "vitest";
import { PreprocessingStep } from "../src/documents/preprocessing.ts";
import type { NdArray } from "../src/nd-array.ts";
import { preprocess } from "../src/preprocessing.ts";

/** Two rows of two RGB pixels: 10 20 30 | 40 50 60 / 70 80 90 | 100 110 120. */
const picture: NdArray = {
  dtype: "uint8",
  shape: [2, 2, 3],
  data: Uint8Array.from({ length: 12 }, (_, index) => 10 * (index + 1)),
};
const row: NdArray = { dtype: "float32", shape: [4], data: new Float32Array([-2.5, -0.5, 0.5, 300]) };

const cases: readonly [string, NdArray, readonly PreprocessingStep[], string, readonly number[], readonly number[]][] =
  [
    [
      "decode only looks",
      picture,
      [{ kind: "decode", channels: 3, upright: true }],
      "uint8",
      [2, 2, 3],
      [...(picture.data as Uint8Array)],
    ],
    [
      "crop",
      picture,
      [{ kind: "crop", left: 1, top: 0, width: 1, height: 2 }],
      "float32",
      [2, 1, 3],
      [40, 50, 60, 100, 110, 120],
    ],
    [
      "crop in the middle, rounded down",
      picture,
      [{ kind: "crop", left: "centre", top: "centre", width: 1, height: 1 }],
      "float32",
      [1, 1, 3],
      [10, 20, 30],
    ],
    [
      "pad",
      { ...picture, shape: [2, 6, 1] },
      [{ kind: "pad", left: 0, top: 1, right: 1, bottom: 0, value: 7 }],
      "float32",
      [3, 7, 1],
      [7, 7, 7, 7, 7, 7, 7, 10, 20, 30, 40, 50, 60, 7, 70, 80, 90, 100, 110, 120, 7],
    ],
    [
      "BGR",
      picture,
      [{ kind: "colour", order: "bgr" }],
      "float32",
      [2, 2, 3],
      [30, 20, 10, 60, 50, 40, 90, 80, 70, 120, 110, 100],
    ],
    // 0.299 R + 0.587 G + 0.114 B: 18.15 for the first pixel, 30 more for each next.
    ["gray", picture, [{ kind: "colour", order: "gray" }], "float32", [2, 2, 1], [18.15, 48.15, 78.15, 108.15]],
    ["scale", row, [{ kind: "scale", by: 2, offset: 1 }], "float32", [4], [-4, 0, 2, 601]],
    [
      "normalize per channel",
      { ...picture, shape: [4, 1, 3] },
      [{ kind: "normalize", mean: [10, 20, 30], std: [1, 2, 10] }],
      "float32",
      [4, 1, 3],
      [0, 0, 0, 30, 15, 3, 60, 30, 6, 90, 45, 9],
    ],
    ["normalize all alike", row, [{ kind: "normalize", mean: [0.5], std: [0.5] }], "float32", [4], [-6, -2, 0, 599]],
    ["NHWC", picture, [{ kind: "layout", to: "nhwc" }], "uint8", [1, 2, 2, 3], [...(picture.data as Uint8Array)]],
    [
      "NCHW",
      picture,
      [{ kind: "layout", to: "nchw" }],
      "float32",
      [1, 3, 2, 2],
      [10, 40, 70, 100, 20, 50, 80, 110, 30, 60, 90, 120],
    ],
    [
      "to uint8: halves away from zero, clamped",
      row,
      [{ kind: "dtype", dtype: "uint8" }],
      "uint8",
      [4],
      [0, 0, 1, 255],
    ],
    ["to int8", row, [{ kind: "dtype", dtype: "int8" }], "int8", [4], [-3, -1, 1, 127]],
    [
      "resize",
      picture,
      [{ kind: "resize", width: 1, height: 1, method: "bilinear", halfPixel: true, antialias: false }],
      "float32",
      [1, 1, 3],
      [55, 65, 75],
    ],
    [
      "several in order",
      picture,
      [
        { kind: "decode", channels: 3, upright: false },
        { kind: "resize", width: 1, height: 2, method: "bilinear", halfPixel: true, antialias: true },
        { kind: "scale", by: 1 / 127.5, offset: -1 },
        { kind: "layout", to: "nhwc" },
        { kind: "scale", by: 127.5, offset: 127.5 },
        { kind: "dtype", dtype: "uint8" },
      ],
      "uint8",
      [1, 2, 1, 3],
      [25, 35, 45, 85, 95, 105],
    ],
  ];

describe("preprocess", () => {
  it.each(cases)("%s", (_, input, steps, dtype, shape, values) => {
    const result = preprocess(input, steps);
    expect({ dtype: result.dtype, shape: result.shape }).toEqual({ dtype, shape });
    const expected = dtype === "float32" ? Float32Array.from(values) : values;
    expect([...result.data]).toEqual([...expected]);
  });

  it("leaves its input as it was", () => {
    const before = picture.data.slice();
    preprocess(picture, [
      { kind: "colour", order: "rgb" },
      { kind: "scale", by: 2, offset: 0 },
      { kind: "dtype", dtype: "uint8" },
    ]);
    expect(picture.data).toEqual(before);
  });

  it.each<[string, NdArray, PreprocessingStep]>([
    ["a crop beyond the edge", picture, { kind: "crop", left: 1, top: 0, width: 2, height: 1 }],
    ["a picture step on a list", row, { kind: "layout", to: "nhwc" }],
    ["another channel count", picture, { kind: "decode", channels: 1, upright: true }],
    ["means for other channels", picture, { kind: "normalize", mean: [1, 2], std: [1] }],
    ["a deviation of zero", picture, { kind: "normalize", mean: [1], std: [0] }],
    ["gray to BGR", { ...picture, shape: [2, 6, 1] }, { kind: "colour", order: "bgr" }],
    ["not a number", { ...row, data: new Float32Array([1, Number.NaN, 1, 1]) }, { kind: "dtype", dtype: "int8" }],
    ["a front end of the platform", row, { kind: "external", name: "spectrogram", digest: "0".repeat(64) }],
    [
      "64-bit integers",
      { dtype: "int64", shape: [1], data: new BigInt64Array(1) },
      { kind: "scale", by: 1, offset: 0 },
    ],
  ])("refuses %s", (_, input, step) => {
    expect(() => preprocess(input, [step])).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  it("names the step that does not fit", () => {
    const steps: PreprocessingStep[] = [
      { kind: "layout", to: "nhwc" },
      { kind: "crop", left: 0, top: 0, width: 1, height: 1 },
    ];
    expect(() => preprocess(picture, steps)).toThrow("preprocessing step 2 (crop)");
  });
});

describe("PreprocessingStep", () => {
  it("accepts the steps above and refuses what is incomplete", () => {
    for (const [, , steps] of cases) for (const step of steps) expect(Check(PreprocessingStep, step)).toBe(true);
    const { antialias: _, ...incomplete } = {
      kind: "resize",
      width: 1,
      height: 1,
      method: "nearest",
      halfPixel: true,
      antialias: false,
    };
    expect(Check(PreprocessingStep, incomplete)).toBe(false);
    expect(Check(PreprocessingStep, { kind: "rotate", by: 90 })).toBe(false);
    expect(Check(PreprocessingStep, { kind: "crop", left: "left", top: 0, width: 1, height: 1 })).toBe(false);
  });
});
