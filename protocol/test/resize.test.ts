import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeNpz } from "../src/npz.ts";
import { resizeImage } from "../src/resize.ts";

const row = { data: [0, 10, 20, 30], height: 1, width: 4, channels: 1 };

describe("resizeImage, by hand", () => {
  it.each([
    ["bilinear half pixel down", { width: 2, method: "bilinear", halfPixel: true, antialias: false }, [5, 25]],
    [
      "bilinear half pixel up",
      { width: 8, method: "bilinear", halfPixel: true, antialias: false },
      [0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30],
    ],
    [
      "bilinear from the corner",
      { width: 8, method: "bilinear", halfPixel: false, antialias: false },
      [0, 5, 10, 15, 20, 25, 30, 30],
    ],
    // Weights 1/8·(3, 3, 1) at the left border, renormalised by 7: (0·3 + 10·3 + 20·1) / 7.
    ["bilinear over the area", { width: 2, method: "bilinear", halfPixel: true, antialias: true }, [50 / 7, 160 / 7]],
    ["nearest half pixel", { width: 3, method: "nearest", halfPixel: true, antialias: false }, [0, 20, 30]],
    ["nearest from the corner", { width: 3, method: "nearest", halfPixel: false, antialias: false }, [0, 10, 20]],
  ] as const)("%s", (_, options, expected) => {
    const result = resizeImage(row, { height: 1, ...options });
    expect(result).toEqual(Float32Array.from(expected));
  });

  it("keeps channels apart and rows in place", () => {
    const image = { data: [1, 100, 3, 300, 5, 500, 7, 700], height: 2, width: 2, channels: 2 };
    const options = { width: 1, height: 2, method: "bilinear", halfPixel: true, antialias: false } as const;
    expect(resizeImage(image, options)).toEqual(new Float32Array([2, 200, 6, 600]));
  });

  it("refuses options that exclude each other", () => {
    expect(() =>
      resizeImage(row, { width: 2, height: 1, method: "nearest", halfPixel: true, antialias: true }),
    ).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});

describe("resizeImage against Pillow", () => {
  const arrays = decodeNpz(
    new Uint8Array(readFileSync(new URL("../../test/fixtures/numpy-resize.npz", import.meta.url))),
  );
  const source = arrays.get("source")!;
  const image = { data: source.data as Float32Array, height: 13, width: 17, channels: 1 };

  it.each(["5x7", "13x6", "29x40"])("agrees at %s", (size) => {
    const [height, width] = size.split("x").map(Number) as [number, number];
    const smooth = resizeImage(image, { height, width, method: "bilinear", halfPixel: true, antialias: true });
    const expected = arrays.get(`bilinear-antialias/${size}`)!.data as Float32Array;
    expect(Math.max(...smooth.map((value, index) => Math.abs(value - expected[index]!)))).toBeLessThan(1e-4);
    const nearest = resizeImage(image, { height, width, method: "nearest", halfPixel: true, antialias: false });
    expect(nearest).toEqual(arrays.get(`nearest/${size}`)!.data);
  });
});
