/** The demo's data: labelled digits cut into parts that never mix, as the `.npz` files that commands and agents read. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { digitPixels, loadDigits } from "../../test/fixtures/digits.ts";

/** [start, count] of each part among the 10,000 digits. */
const parts = { evaluate: [0, 1000], calibrate: [1000, 200], stream: [2000, 1500] } as const;

export interface DemoData {
  /** 1,000 labelled digits to measure accuracy on. */
  readonly evaluate: string;
  /** 200 other digits to calibrate on. */
  readonly calibrate: string;
  /** 1,500 other labelled digits that the agents work on. */
  readonly stream: string;
  readonly streamDigits: { readonly images: Float32Array; readonly labels: Uint8Array; readonly count: number };
  /** Eight digits with thin strokes, for goldens. */
  readonly thin: string;
  /** Half of all digits have a mean brightness above this. */
  readonly medianBrightness: number;
}

export async function writeDemoData(folder: string, inputName: string): Promise<DemoData> {
  const { images, labels, count } = await loadDigits();
  const writeArrays = async (name: string, arrays: Readonly<Record<string, NdArray>>): Promise<string> => {
    const file = path.join(folder, `${name}.npz`);
    await writeFile(file, encodeNpz(new Map(Object.entries(arrays))));
    return file;
  };
  const write = async (part: keyof typeof parts): Promise<string> => {
    const [start, size] = parts[part];
    const stack: NdArray = {
      dtype: "float32",
      shape: [size, 28, 28, 1],
      data: images.slice(start * digitPixels, (start + size) * digitPixels),
    };
    const answers: NdArray = { dtype: "uint8", shape: [size], data: labels.slice(start, start + size) };
    return await writeArrays(part, { [inputName]: stack, labels: answers });
  };
  const brightness = Array.from({ length: count }, (_, digit) => {
    let sum = 0;
    for (let pixel = 0; pixel < digitPixels; pixel++) sum += images[digit * digitPixels + pixel]!;
    return sum / digitPixels;
  });
  const sorted = brightness.toSorted((a, b) => a - b);
  // Thin, but not the very thinnest, from digits that no other part uses.
  const thinIndexes = brightness
    .map((value, digit) => ({ value, digit }))
    .filter(
      ({ value, digit }) =>
        digit >= 4000 && value > sorted[Math.floor(count * 0.1)]! && value < sorted[Math.floor(count * 0.3)]!,
    )
    .slice(0, 5)
    .map(({ digit }) => digit);
  const thin = new Float32Array(thinIndexes.length * digitPixels);
  for (const [at, digit] of thinIndexes.entries())
    thin.set(images.subarray(digit * digitPixels, (digit + 1) * digitPixels), at * digitPixels);
  const [start, size] = parts.stream;
  return {
    evaluate: await write("evaluate"),
    calibrate: await write("calibrate"),
    stream: await write("stream"),
    streamDigits: {
      images: images.slice(start * digitPixels, (start + size) * digitPixels),
      labels: labels.slice(start, start + size),
      count: size,
    },
    thin: await writeArrays("thin", {
      [inputName]: { dtype: "float32", shape: [thinIndexes.length, 28, 28, 1], data: thin },
    }),
    medianBrightness: sorted[Math.floor(count / 2)]!,
  };
}
