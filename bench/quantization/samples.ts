/**
 * Calibration and held-out data of one model as arrays by input: real photos, clothes and digits where the model was
 * trained on such, tones for audio, and for the made nets photos, or waves with noise. Seeded; no sample is in both.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpz } from "@flotilla/protocol/npz";
import { sampleShape } from "../../converter/src/data/dataset.ts";
import { type CorpusEntry, corpusFolder } from "../../scripts/corpus/manifest.ts";
import { digitPixels, loadDigits } from "../../test/fixtures/digits.ts";
import { loadFashion } from "../../test/fixtures/fashion.ts";
import { loadPhotoCrops, seededRandom } from "../../test/fixtures/photos.ts";
import type { Case, SampleKind } from "./cases.ts";

/** An input of the float file. */
export interface SampledInput {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export type Arrays = ReadonlyMap<string, NdArray>;
export interface Samples {
  readonly calibration: Arrays;
  readonly heldOut: Arrays;
}

type Split = "calibration" | "evaluation";
interface Wanted {
  readonly split: Split;
  readonly count: number;
}

/** Numbers of samples by the size of one: [at most so many elements, calibration, held-out]. */
const counts: readonly (readonly [number, number, number])[] = [
  [10_000, 100, 100],
  [70_000, 32, 24],
  [160_000, 16, 12],
  [300_000, 10, 8],
  [Number.POSITIVE_INFINITY, 6, 4],
];

export async function samplesOf({ entry, samples }: Case, inputs: readonly SampledInput[]): Promise<Samples> {
  const elements = inputs.reduce((sum, { shape }) => sum + product(shape), 0);
  const [, calibration = 8, heldOut = 4] = counts.find(([most]) => elements <= most) ?? [];
  const take = async (wanted: Wanted): Promise<Arrays> => {
    const arrays = new Map<string, NdArray>();
    for (const [at, input] of inputs.entries()) {
      const data = await dataOf(entry, samples, input, wanted, at);
      const shape = [wanted.count, ...sampleShape(input)];
      arrays.set(input.name, input.dtype === "int32" ? integers(shape, data) : { dtype: "float32", shape, data });
    }
    return arrays;
  };
  return {
    calibration: await take({ split: "calibration", count: calibration }),
    heldOut: await take({ split: "evaluation", count: heldOut }),
  };
}

const integers = (shape: readonly number[], data: Float32Array): NdArray => ({
  dtype: "int32",
  shape: [...shape],
  data: Int32Array.from(data, Math.round),
});

async function dataOf(
  entry: CorpusEntry,
  samples: SampleKind,
  input: SampledInput,
  wanted: Wanted,
  at: number,
): Promise<Float32Array> {
  switch (samples.kind) {
    case "fashion":
      return (await loadFashion(wanted.split === "calibration" ? "training" : "test", wanted.count)).images;
    case "digits": {
      const { images } = await loadDigits();
      const start = wanted.split === "calibration" ? 0 : 5000;
      return images.slice(start * digitPixels, (start + wanted.count) * digitPixels);
    }
    case "notes":
      return notes(input, wanted);
    case "photos":
      return photos(input, wanted, samples);
    case "structured": {
      if (input.dtype === "int32") return tokens(entry, input, wanted);
      const [, height = 0, width = 0, channels = 0] = input.shape;
      const image = input.shape.length === 4 && channels === 3 && Math.min(height, width) >= 8;
      return image ? photos(input, wanted, { factor: 1 / 127.5, offset: -1 }) : waves(input, wanted, at);
    }
  }
}

/** Crops of photos in the input's size: grey for one channel, opaque for four. */
async function photos(
  { shape }: SampledInput,
  { split, count }: Wanted,
  { factor, offset }: { readonly factor: number; readonly offset: number },
): Promise<Float32Array> {
  const [batch = 1, height = 0, width = 0, channels = 0] = shape;
  const size = Math.max(height, width);
  const crops = await loadPhotoCrops(count * batch, size, split);
  const data = new Float32Array(crops.count * height * width * channels);
  let filled = 0;
  for (let crop = 0; crop < crops.count; crop++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = ((crop * size + y) * size + x) * 3;
        const [red = 0, green = 0, blue = 0] = crops.images.subarray(from, from + 3);
        const colours = channels === 1 ? [0.299 * red + 0.587 * green + 0.114 * blue] : [red, green, blue];
        for (const colour of colours) data[filled++] = colour * factor + offset;
        if (channels === 4) data[filled++] = 1;
      }
    }
  }
  return data;
}

/** Chords of decaying tones with overtones, 22,050 values a second. */
function notes({ shape }: SampledInput, { split, count }: Wanted): Float32Array {
  const length = product(shape);
  const random = seededRandom(split === "calibration" ? 11 : 12);
  const data = new Float32Array(count * length);
  for (let sample = 0; sample < count; sample++) {
    for (let tone = 0; tone < 6; tone++) {
      const frequency = 440 * 2 ** ((Math.floor(random() * 60) - 36) / 12);
      const start = Math.floor(random() * length * 0.8);
      const loudness = 0.05 + 0.2 * random();
      for (let at = start; at < length; at++) {
        const seconds = (at - start) / 22_050;
        const phase = 2 * Math.PI * frequency * seconds;
        const wave = Math.sin(phase) + 0.5 * Math.sin(2 * phase) + 0.25 * Math.sin(3 * phase);
        data[sample * length + at] = (data[sample * length + at] ?? 0) + loudness * Math.exp(-3 * seconds) * wave;
      }
    }
  }
  return data;
}

/** Two sines along the longest axes for each channel, and noise. */
function waves({ shape }: SampledInput, { split, count }: Wanted, input: number): Float32Array {
  const length = product(shape);
  const channels = shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
  const inner = shape.length > 3 ? (shape.at(-2) ?? 1) : 1;
  const random = seededRandom((split === "calibration" ? 21 : 22) + 100 * input);
  const data = new Float32Array(count * length);
  for (let sample = 0; sample < count; sample++) {
    const loudness = 0.4 + 0.6 * random();
    const settings = Array.from({ length: channels }, () => Array.from({ length: 4 }, random));
    for (let at = 0; at < length; at++) {
      const [f = 0, g = 0, p = 0, q = 0] = settings[at % channels] ?? [];
      const place = Math.floor(at / channels);
      const [outer, along] = [Math.floor(place / inner), place % inner];
      const wave =
        0.6 * Math.sin(f * outer + 6.28 * p) + 0.4 * Math.sin((g + 0.2) * (inner > 1 ? along : outer) + 6.28 * q);
      data[sample * length + at] = loudness * wave + 0.1 * (random() - 0.5);
    }
  }
  return data;
}

/** Whole numbers between the least and the largest that the recorded inputs have. */
async function tokens({ golden }: CorpusEntry, input: SampledInput, { split, count }: Wanted): Promise<Float32Array> {
  let [least, largest] = [0, 1];
  if (golden !== undefined) {
    const arrays = decodeNpz(new Uint8Array(await readFile(join(corpusFolder, ...golden.split("/")))));
    const bare = input.name.replace(/^serving_default_/, "").replace(/:0$/, "");
    const values = Array.from(
      arrays.get(`input/${input.name}`)?.data ?? arrays.get(`input/${bare}`)?.data ?? [0, 1],
      Number,
    );
    [least, largest] = [Math.min(...values), Math.max(...values)];
  }
  const random = seededRandom(split === "calibration" ? 31 : 32);
  const length = count * product(input.shape);
  return Float32Array.from({ length }, () => least + Math.floor(random() * (largest - least + 1)));
}

const product = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);
