/**
 * Executes preprocessing steps (documents/preprocessing.ts): the one function that calibration, evaluation, trial and SDK
 * share, so that a model sees the same numbers everywhere. Arithmetic is float64, stored as float32 after every step.
 * Decoding pictures and external front ends are the platform's: `decode` here only checks what was decoded.
 */
import type { PreprocessingStep } from "./documents/preprocessing.ts";
import { FlotillaError } from "./errors.ts";
import type { ArrayDType, NdArray } from "./nd-array.ts";
import { allocateData, elementCount } from "./npy.ts";
import { resizeImage } from "./resize.ts";

type Numbers = Exclude<NdArray["data"], BigInt64Array>;
type StepOf<K extends PreprocessingStep["kind"]> = Extract<PreprocessingStep, { kind: K }>;

interface Working {
  readonly dtype: ArrayDType;
  readonly shape: readonly number[];
  readonly data: Numbers;
}

interface Image extends Working {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** ITU-R BT.601, as the step's definition says. */
const grayWeights = [0.299, 0.587, 0.114] as const;
const integerRanges: Readonly<Record<string, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  int32: [-2_147_483_648, 2_147_483_647],
};

/**
 * Runs the steps in order. `array` is a decoded picture (uint8 [height, width, channels]) or any array of numbers.
 * It is not changed; the result may share its memory.
 * @throws CONFIG_INVALID naming the step that does not fit what it is given
 */
export function preprocess(array: NdArray, steps: readonly PreprocessingStep[]): NdArray {
  const { data } = array;
  if (data instanceof BigInt64Array || array.dtype === "float16") {
    throw new FlotillaError("CONFIG_INVALID", `preprocessing does not take ${array.dtype} arrays`);
  }
  return steps.reduce<Working>(
    (working, step, index) => {
      try {
        return execute(working, step, index);
      } catch (cause) {
        if (!(cause instanceof FlotillaError)) throw cause;
        const message = `preprocessing step ${index + 1} (${step.kind}): ${cause.message}`;
        throw new FlotillaError(cause.code, message, { cause, details: { step: index + 1, kind: step.kind } });
      }
    },
    { dtype: array.dtype, shape: array.shape, data },
  );
}

function execute(array: Working, step: PreprocessingStep, index: number): Working {
  switch (step.kind) {
    case "decode":
      return checkDecoded(array, step, index);
    case "resize": {
      const image = asImage(array);
      return floats([step.height, step.width, image.channels], resizeImage(image, step));
    }
    case "crop":
      return crop(asImage(array), step);
    case "pad":
      return pad(asImage(array), step);
    case "colour":
      return reorder(asImage(array), step);
    case "scale":
      return map(array, (value) => value * step.by + step.offset);
    case "normalize":
      return normalize(array, step);
    case "layout":
      return layOut(asImage(array), step);
    case "dtype":
      return convert(array, step);
    case "external":
      throw misfit(`${step.name} is a front end that the platform must run before`);
  }
}

function checkDecoded(array: Working, step: StepOf<"decode">, index: number): Working {
  const image = asImage(array);
  if (index === 0 && array.dtype === "uint8" && image.channels === step.channels) return array;
  throw misfit(
    index > 0
      ? "decoding comes first"
      : `expected a picture as uint8 with ${step.channels} channels, found ${array.dtype} [${array.shape.join(", ")}]`,
  );
}

function crop(image: Image, step: StepOf<"crop">): Working {
  const left = step.left === "centre" ? Math.floor((image.width - step.width) / 2) : step.left;
  const top = step.top === "centre" ? Math.floor((image.height - step.height) / 2) : step.top;
  if (left < 0 || top < 0 || left + step.width > image.width || top + step.height > image.height) {
    throw misfit(`${step.width}×${step.height} at ${left}, ${top} lies outside ${image.width}×${image.height}`);
  }
  const result = floats([step.height, step.width, image.channels]);
  copyRows(image, { x: left, y: top }, result, { x: 0, y: 0 }, step);
  return result;
}

function pad(image: Image, step: StepOf<"pad">): Working {
  const height = image.height + step.top + step.bottom;
  const width = image.width + step.left + step.right;
  const result = floats([height, width, image.channels]);
  result.data.fill(step.value);
  copyRows(image, { x: 0, y: 0 }, result, { x: step.left, y: step.top }, image);
  return result;
}

interface Corner {
  readonly x: number;
  readonly y: number;
}

function copyRows(
  from: Image,
  fromCorner: Corner,
  to: Working & { readonly data: Float32Array },
  toCorner: Corner,
  size: { readonly width: number; readonly height: number },
): void {
  const toWidth = to.shape[1]!;
  for (let y = 0; y < size.height; y++) {
    const start = ((fromCorner.y + y) * from.width + fromCorner.x) * from.channels;
    const row = from.data.subarray(start, start + size.width * from.channels);
    to.data.set(row, ((toCorner.y + y) * toWidth + toCorner.x) * from.channels);
  }
}

function reorder(image: Image, step: StepOf<"colour">): Working {
  if (image.channels !== 3) throw misfit(`takes RGB, found ${image.channels} channels`);
  if (step.order === "rgb") return image;
  const pixels = image.height * image.width;
  const { data } = image;
  const channels = step.order === "gray" ? 1 : 3;
  const result = floats([image.height, image.width, channels]);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const [red, green, blue] = [data[pixel * 3]!, data[pixel * 3 + 1]!, data[pixel * 3 + 2]!];
    if (step.order === "bgr") result.data.set([blue, green, red], pixel * 3);
    else result.data[pixel] = grayWeights[0] * red + grayWeights[1] * green + grayWeights[2] * blue;
  }
  return result;
}

function normalize(array: Working, { mean, std }: StepOf<"normalize">): Working {
  const channels = array.shape.at(-1) ?? 1;
  const fits = (list: readonly number[]) => list.length === 1 || list.length === channels;
  if (!fits(mean) || !fits(std)) {
    throw misfit(`has ${mean.length} means and ${std.length} deviations for ${channels} channels`);
  }
  if (std.includes(0)) throw misfit("divides by a deviation of 0");
  return map(array, (value, index) => {
    const channel = index % channels;
    return (value - mean[mean.length === 1 ? 0 : channel]!) / std[std.length === 1 ? 0 : channel]!;
  });
}

function layOut(image: Image, { to }: StepOf<"layout">): Working {
  const { dtype, height, width, channels, data } = image;
  if (to === "nhwc") return { dtype, shape: [1, height, width, channels], data };
  const planar = floats([1, channels, height, width]);
  const pixels = height * width;
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      planar.data[channel * pixels + pixel] = data[pixel * channels + channel]!;
    }
  }
  return planar;
}

function convert(array: Working, { dtype }: StepOf<"dtype">): Working {
  const range = integerRanges[dtype];
  if (range === undefined) return map(array, (value) => value);
  const [low, high] = range;
  const data = allocateData(dtype, array.data.length);
  if (data instanceof BigInt64Array) throw misfit(`${dtype} is no dtype of steps`);
  for (let index = 0; index < data.length; index++) {
    const value = array.data[index]!;
    if (Number.isNaN(value)) throw misfit("meets a value that is not a number");
    const rounded = value < 0 ? -Math.round(-value) : Math.round(value);
    data[index] = Math.min(high, Math.max(low, rounded));
  }
  return { dtype, shape: array.shape, data };
}

function map(array: Working, change: (value: number, index: number) => number): Working {
  const result = floats(array.shape);
  for (let index = 0; index < array.data.length; index++) result.data[index] = change(array.data[index]!, index);
  return result;
}

function floats(
  shape: readonly number[],
  data: Float32Array = new Float32Array(elementCount(shape)),
): Working & { readonly data: Float32Array } {
  return { dtype: "float32", shape, data };
}

function asImage(array: Working): Image {
  const [height, width, channels] = array.shape;
  if (array.shape.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    throw misfit(`takes a picture [height, width, channels], found [${array.shape.join(", ")}]`);
  }
  return { ...array, height, width, channels };
}

function misfit(message: string): FlotillaError {
  return new FlotillaError("CONFIG_INVALID", message);
}
