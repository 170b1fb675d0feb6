/**
 * Inputs that look like pictures, 0 to 255, for nets that random numbers around zero leave without an answer: smooth
 * colours between random ones on a coarse grid, with a little noise. Seeded.
 */
import { writeFile } from "node:fs/promises";
import { encodeNpz } from "@flotilla/protocol/npz";
import { seeded } from "../fuzz/random.ts";

const images = 8;
const cells = 10;
const noise = 12;

/** `shape`: [1, height, width, channels]. */
export async function writeImages(path: string, input: string, shape: readonly number[]): Promise<void> {
  const [, height = 0, width = 0, channels = 0] = shape;
  const data = new Float32Array(images * height * width * channels);
  const random = seeded(1);
  const row = cells + 1;
  let at = 0;
  for (let image = 0; image < images; image++) {
    const grid = Float32Array.from({ length: row * row * channels }, () => random.below(256));
    const colour = (y: number, x: number, channel: number): number => grid[(y * row + x) * channels + channel] ?? 0;
    for (let y = 0; y < height; y++) {
      const [top, down] = split((y * cells) / height);
      for (let x = 0; x < width; x++) {
        const [left, right] = split((x * cells) / width);
        for (let channel = 0; channel < channels; channel++) {
          const above = colour(top, left, channel) * (1 - right) + colour(top, left + 1, channel) * right;
          const below = colour(top + 1, left, channel) * (1 - right) + colour(top + 1, left + 1, channel) * right;
          const value = above * (1 - down) + below * down + random.below(2 * noise) - noise;
          data[at++] = Math.min(255, Math.max(0, Math.round(value)));
        }
      }
    }
  }
  const array = { dtype: "float32", shape: [images, height, width, channels], data } as const;
  await writeFile(path, encodeNpz(new Map([[input, array]])));
}

const split = (place: number): readonly [number, number] => [Math.floor(place), place - Math.floor(place)];
