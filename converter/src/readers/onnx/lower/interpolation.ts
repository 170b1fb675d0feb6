/**
 * Which elements of an axis, by which weights, make each element of the resized axis: as ONNX's Resize says, and as TFLite's
 * two resize operators do it. Pure numbers. Sources: ONNX Operators.md (Resize), the reference implementation's order of
 * operations; `tflite/kernels/internal/reference/resize_bilinear.h`, `resize_nearest_neighbor.h`.
 */

/** Weight by index of the source, for one element of the result. */
export type Taps = ReadonlyMap<number, number>;

export interface Interpolation {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: string;
  /** How nearest rounds; "simple" is what it was before version 11. */
  readonly rounding: string;
  readonly cubicA: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

export interface ResizedAxis {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** Of tf_crop_and_resize: the part of the axis that is taken, as fractions. */
  readonly region: readonly [number, number];
}

/** Null for a coordinate mode that does not exist. */
function coordinateOf(at: number, { input, output, scale, region }: ResizedAxis, mode: string): number | null {
  switch (mode) {
    case "half_pixel":
      return (at + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return output > 1 ? (at + 0.5) / scale - 0.5 : 0;
    case "half_pixel_symmetric": {
      const adjustment = output / (input * scale);
      return (input / 2) * (1 - adjustment) + (at + 0.5) / scale - 0.5;
    }
    case "align_corners":
      return output > 1 ? (at * (input - 1)) / (output - 1) : 0;
    case "asymmetric":
      return at / scale;
    case "tf_half_pixel_for_nn":
      return (at + 0.5) / scale;
    case "tf_crop_and_resize": {
      const [start, end] = region;
      if (output > 1) return start * (input - 1) + (at * (end - start) * (input - 1)) / (output - 1);
      return 0.5 * (start + end) * (input - 1);
    }
    default:
      return null;
  }
}

function rounded(x: number, rounding: string, shrinks: boolean): number {
  switch (rounding) {
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    case "simple":
      return shrinks ? Math.ceil(x) : Math.floor(x);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** Keys' cubic kernel. */
function cubic(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

const triangle = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/** Null where the modes do not exist, or a coordinate lies outside the source (which only crops do). */
export function tapsOf(axis: ResizedAxis, how: Interpolation): readonly Taps[] | null {
  const rows: Taps[] = [];
  for (let at = 0; at < axis.output; at++) {
    const x = coordinateOf(at, axis, how.coordinates);
    if (x === null) return null;
    if (how.coordinates === "tf_crop_and_resize" && (x < 0 || x > axis.input - 1)) return null;
    rows.push(how.mode === "nearest" ? nearestTap(x, axis, how) : kernelTaps(x, axis, how));
  }
  return rows;
}

function nearestTap(x: number, { input, scale }: ResizedAxis, { rounding }: Interpolation): Taps {
  const index = rounded(Math.fround(x), rounding, scale < 1);
  return new Map([[Math.min(input - 1, Math.max(0, index)), 1]]);
}

/** Weights of a kernel around `x`, which antialiasing widens where the axis shrinks. */
function kernelTaps(x: number, { input, scale }: ResizedAxis, how: Interpolation): Taps {
  const narrow = how.antialias && scale < 1 ? scale : 1;
  const radius = (how.mode === "linear" ? 1 : 2) / narrow;
  const kernel = (distance: number) => (how.mode === "linear" ? triangle(distance) : cubic(distance, how.cubicA));
  const outside = how.excludeOutside || (how.antialias && scale < 1);
  const weights = new Map<number, number>();
  let total = 0;
  for (let at = Math.floor(x - radius) + (how.antialias ? 0 : 1); at <= Math.floor(x + radius); at++) {
    const weight = kernel((at - x) * narrow);
    if (weight === 0 || (outside && (at < 0 || at >= input))) continue;
    const index = Math.min(input - 1, Math.max(0, at));
    weights.set(index, (weights.get(index) ?? 0) + weight);
    total += weight;
  }
  return new Map([...weights].map(([index, weight]) => [index, weight / total]));
}

export interface TfliteResize {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

const tfliteModes: readonly TfliteResize[] = [
  { alignCorners: false, halfPixelCenters: true },
  { alignCorners: true, halfPixelCenters: false },
  { alignCorners: false, halfPixelCenters: false },
];

function tfliteTaps(input: number, output: number, nearest: boolean, mode: TfliteResize): readonly Taps[] {
  const scale = Math.fround(mode.alignCorners && output > 1 ? (input - 1) / (output - 1) : input / output);
  return Array.from({ length: output }, (_, at): Taps => {
    if (nearest) {
      const x = Math.fround((at + (mode.halfPixelCenters ? 0.5 : 0)) * scale);
      const index = mode.alignCorners ? Math.floor(x + 0.5) : Math.floor(x);
      return new Map([[Math.min(input - 1, Math.max(0, index)), 1]]);
    }
    const x = mode.halfPixelCenters ? (at + 0.5) * scale - 0.5 : at * scale;
    const low = Math.max(Math.floor(x), 0);
    const high = Math.min(Math.ceil(x), input - 1);
    const weights = new Map([[Math.min(low, input - 1), low === high ? 1 : 1 - (x - low)]]);
    if (high > low) weights.set(high, (weights.get(high) ?? 0) + x - low);
    return weights;
  });
}

/** Weights closer than this make no difference to float32 images. */
const tolerance = 1e-6;

function sameTaps(a: readonly Taps[], b: readonly Taps[]): boolean {
  return a.every((taps, at) => {
    const other = b[at] ?? new Map();
    const near = (from: Taps, to: Taps) =>
      [...from].every(([index, weight]) => Math.abs(weight - (to.get(index) ?? 0)) <= tolerance);
    return near(taps, other) && near(other, taps);
  });
}

/** The mode of TFLite's operator that takes the same elements on all axes; undefined where there is none. */
export function tfliteModeOf(
  axes: readonly { readonly input: number; readonly output: number; readonly taps: readonly Taps[] }[],
  nearest: boolean,
): TfliteResize | undefined {
  return tfliteModes.find((mode) =>
    axes.every(({ input, output, taps }) => sameTaps(taps, tfliteTaps(input, output, nearest, mode))),
  );
}
