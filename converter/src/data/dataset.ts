/**
 * Calibration and evaluation data behind one face: numbered samples, each a full set of model inputs, maybe labels.
 * Adapters: `array-dataset.ts` (.npy, .npz, .json, .jsonl), `image-dataset.ts` (folders). Every sample is checked here
 * against the model's inputs, so nothing behind this interface need look again.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayData, ArrayDType, NdArray } from "@flotilla/protocol/nd-array";
import { sourceShape, toFileAxes } from "../runtimes/file-axes.ts";

/** What data must fit. Sizes of -1 fit anything. */
export interface ModelInput {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Axis i of `shape` is the source's axis `sourceAxes[i]`, where they differ. */
  readonly sourceAxes?: readonly number[];
  /** Rows of the table that its values are looked up in, where that is all they are for (`id-limits.ts`). */
  readonly idLimit?: number;
}

export interface Dataset {
  /** The file or folder's own name, without the path that leads there. */
  readonly name: string;
  /** Lowercase hex SHA-256 of what was read, independent of where it lies. */
  readonly digest: string;
  readonly count: number;
  /** The right class of every sample; null for unlabelled data. */
  readonly labels: readonly number[] | null;
  /** The model's inputs, in their order, with a batch axis of 1. Throws QUANT_CALIBRATION_SHAPE, QUANT_CALIBRATION_DATA. */
  sample(index: number): Promise<readonly NdArray[]>;
}

/** `wanted` numbers out of `count`, evenly spread and in rising order: the same ones on every machine. */
export function spreadIndices(count: number, wanted: number): number[] {
  const taken = Math.min(Math.max(wanted, 0), count);
  return Array.from({ length: taken }, (_, at) => Math.floor(((at + 0.5) * count) / taken));
}

/** A sample's sizes: the input's without its batch axis, where it has one. */
export function sampleShape(input: ModelInput): readonly number[] {
  const [batch] = input.shape;
  return batch === 1 || batch === -1 ? input.shape.slice(1) : input.shape;
}

const fitsShape = (found: readonly number[], expected: readonly number[]): boolean =>
  found.length === expected.length && found.every((size, axis) => expected[axis] === -1 || expected[axis] === size);

/**
 * An array recorded for the source, in the file's axes. One that has the file's shape only is taken as it is.
 * Sizes alone do not tell a 3×3×3 array's axes: what was not preprocessed for the file is the source's.
 */
export function inInputAxes(array: NdArray, input: ModelInput): NdArray {
  const { sourceAxes } = input;
  if (!sourceAxes) return array;
  const rank = input.shape.length;
  const whole = array.shape.length === rank - 1 ? { ...array, shape: [1, ...array.shape] } : array;
  if (!fitsShape(whole.shape.slice(1), sourceShape(input.shape, sourceAxes).slice(1))) return array;
  return toFileAxes(whole, sourceAxes);
}

/**
 * Gives an array the input's dtype and batch axis.
 * @throws QUANT_CALIBRATION_SHAPE, QUANT_CALIBRATION_DATA naming the input and `where` (the sample).
 */
export function asModelInput(array: NdArray, input: ModelInput, where: string): NdArray {
  const expected = sampleShape(input);
  const batched = expected.length < input.shape.length;
  const bare = batched && fitsShape(array.shape, [1, ...expected]) ? array.shape.slice(1) : array.shape;
  if (!fitsShape(bare, expected)) {
    throw new FlotillaError(
      "QUANT_CALIBRATION_SHAPE",
      `${where}: input "${input.name}" takes [${expected.join(", ")}] per sample and the data is [${array.shape.join(", ")}]. ` +
        "Resize it with --preprocess, or hand in data of that shape.",
      { details: { where, input: input.name, expected, found: array.shape } },
    );
  }
  const data = asDType(array, input, where);
  return { dtype: data.dtype, shape: batched ? [1, ...bare] : bare, data: data.data };
}

function asDType(array: NdArray, input: ModelInput, where: string): { dtype: ArrayDType; data: ArrayData } {
  const { dtype, data } = array;
  if (input.dtype === "float32") {
    if (dtype !== "float32" && dtype !== "float64") throw wrongDType(array, input, where);
    const floats = data instanceof Float32Array ? data : Float32Array.from(data, Number);
    const bad = floats.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new FlotillaError(
        "QUANT_CALIBRATION_DATA",
        `${where}: element ${bad} of input "${input.name}" is ${floats[bad]}. Remove or repair the sample.`,
        { details: { where, input: input.name, element: bad, found: String(floats[bad]) } },
      );
    }
    return { dtype: "float32", data: floats };
  }
  if (dtype === input.dtype) return { dtype, data };
  if (input.dtype === "int32" && isWholeNumber(dtype)) {
    const integers = Int32Array.from(data, Number);
    if (integers.every((value, at) => value === Number(data[at]))) return { dtype: "int32", data: integers };
  }
  throw wrongDType(array, input, where);
}

const isWholeNumber = (dtype: ArrayDType): boolean =>
  dtype === "int64" || dtype === "int16" || dtype === "int8" || dtype === "uint8" || dtype === "uint16";

function wrongDType(array: NdArray, input: ModelInput, where: string): FlotillaError {
  return new FlotillaError(
    "QUANT_CALIBRATION_SHAPE",
    `${where}: input "${input.name}" takes ${input.dtype} and the data is ${array.dtype}. ` +
      "Raw pixels need --preprocess (scale, normalize, dtype); else store the data as the model takes it.",
    { details: { where, input: input.name, expected: input.dtype, found: array.dtype } },
  );
}

/** @throws QUANT_CALIBRATION_DATA when there is nothing in it. */
export function refuseEmpty(dataset: Dataset): Dataset {
  if (dataset.count > 0) return dataset;
  throw new FlotillaError("QUANT_CALIBRATION_DATA", `"${dataset.name}" holds no sample.`, {
    details: { name: dataset.name, samples: 0 },
  });
}

/** The samples numbered, without their labels' order changing. */
export function subset(dataset: Dataset, indices: readonly number[]): Dataset {
  return {
    name: dataset.name,
    digest: dataset.digest,
    count: indices.length,
    labels: dataset.labels && indices.map((index) => dataset.labels?.[index] ?? -1),
    sample: (index) => dataset.sample(indices[index] ?? -1),
  };
}
