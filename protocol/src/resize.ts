/**
 * Resizing of interleaved images (height, width, channels), in float64 and without rounding: the same bytes on every machine.
 * Every method is a list of taps per output row and column; two passes, columns first.
 * With `antialias` the taps are Pillow's: a triangle as wide as the reduction, cut off and renormalised at the border.
 */
import { FlotillaError } from "./errors.ts";

export interface ResizeOptions {
  readonly width: number;
  readonly height: number;
  readonly method: "bilinear" | "nearest";
  /** true: pixel centres lie at ½, 1½ … (Pillow, OpenCV, TensorFlow 2). false: at 0, 1 … (TensorFlow 1). */
  readonly halfPixel: boolean;
  /** Average over the area when shrinking. Only with bilinear and halfPixel. */
  readonly antialias: boolean;
}

export interface ImageView {
  readonly data: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** For one output position: the first input position and the weights from there on. They sum to 1. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Row-major [options.height, options.width, channels]. Throws CONFIG_INVALID for options that exclude each other. */
export function resizeImage(image: ImageView, options: ResizeOptions): Float32Array<ArrayBuffer> {
  if (options.antialias && (options.method !== "bilinear" || !options.halfPixel)) {
    throw new FlotillaError("CONFIG_INVALID", "resize: antialias goes with method bilinear and halfPixel only", {
      details: { ...options },
    });
  }
  const { data, height, width, channels } = image;
  const columns = axisTaps(width, options.width, options);
  const rows = axisTaps(height, options.height, options);
  const narrow = new Float64Array(height * options.width * channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (const { first, weights } of columns) {
      for (let c = 0; c < channels; c++, at++) {
        let sum = 0;
        for (let k = 0, from = (y * width + first) * channels + c; k < weights.length; k++, from += channels) {
          sum += weights[k]! * data[from]!;
        }
        narrow[at] = sum;
      }
    }
  }
  const stride = options.width * channels;
  const result = new Float32Array(options.height * stride);
  for (const [y, { first, weights }] of rows.entries()) {
    for (let x = 0; x < stride; x++) {
      let sum = 0;
      for (let k = 0, from = first * stride + x; k < weights.length; k++, from += stride) {
        sum += weights[k]! * narrow[from]!;
      }
      result[y * stride + x] = sum;
    }
  }
  return result;
}

function axisTaps(inputSize: number, outputSize: number, options: ResizeOptions): Taps[] {
  const scale = inputSize / outputSize;
  return Array.from({ length: outputSize }, (_, position) => {
    if (options.method === "nearest") return nearest(position, scale, inputSize, options.halfPixel);
    if (options.antialias) return triangle((position + 0.5) * scale, Math.max(scale, 1), inputSize);
    const source = options.halfPixel ? (position + 0.5) * scale - 0.5 : position * scale;
    return linear(Math.min(Math.max(source, 0), inputSize - 1), inputSize);
  });
}

function nearest(position: number, scale: number, inputSize: number, halfPixel: boolean): Taps {
  const source = Math.floor((halfPixel ? position + 0.5 : position) * scale);
  return { first: Math.min(source, inputSize - 1), weights: [1] };
}

function linear(source: number, inputSize: number): Taps {
  const first = Math.floor(source);
  const share = source - first;
  return { first, weights: share === 0 || first + 1 >= inputSize ? [1] : [1 - share, share] };
}

function triangle(centre: number, support: number, inputSize: number): Taps {
  const first = Math.max(0, Math.floor(centre - support + 0.5));
  const end = Math.min(inputSize, Math.floor(centre + support + 0.5));
  const raw = Array.from({ length: end - first }, (_, k) =>
    Math.max(0, 1 - Math.abs((first + k + 0.5 - centre) / support)),
  );
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  return { first, weights: raw.map((weight) => weight / total) };
}
