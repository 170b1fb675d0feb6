/**
 * From ranges to scales and zero points, in float32 arithmetic as TFLite's own quantizer does it.
 * Rules: LiteRT `quantization_spec.md` (int8 activations asymmetric in [-128, 127], weights symmetric in [-127, 127]),
 * `quantization_utils.cc` (formulas), its MLIR passes (a range is never narrower than 1e-6, so no scale is 0).
 */
import { decodeFloat16, encodeFloat16 } from "../ir/values.ts";
import type { ValueDType } from "./precision.ts";
import { clamp, roundHalfAwayFromZero } from "./rounding.ts";

/** real = (q - zeroPoint) * scale. `scale` is exact in float32. */
export interface AffineParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Ranges at most this wide are widened to ±{@link narrowestHalf}. */
const narrowestWidth = 1e-6;
const narrowestHalf = 5e-7;
/** A weight channel's bound is at least this (ai-edge-quantizer's floor), so that an all-zero channel has a scale. */
const smallestBound = 1e-9;

const fround = Math.fround;

/** Per-tensor int8 parameters for values in `range`; 0 is always exactly representable. */
export function int8Parameters(range: Range): AffineParameters {
  let low = fround(Math.min(range.min, 0));
  let high = fround(Math.max(range.max, 0));
  if (high - low <= narrowestWidth) {
    low = fround(-narrowestHalf);
    high = fround(narrowestHalf);
  }
  const scale = fround(fround(high - low) / 255);
  const zeroPoint = clamp(roundHalfAwayFromZero(fround(-128 - fround(low / scale))), -128, 127);
  return { scale, zeroPoint };
}

/** Per-tensor int16 parameters: symmetric, as every int16 kernel wants it. */
export function int16Parameters(range: Range): AffineParameters {
  const bound = fround(Math.max(Math.abs(range.min), Math.abs(range.max), narrowestHalf));
  return { scale: fround(bound / largestOf.int16), zeroPoint: 0 };
}

export const parametersFor = (dtype: ValueDType, range: Range): AffineParameters =>
  dtype === "int8" ? int8Parameters(range) : int16Parameters(range);

const smallestOf: Readonly<Record<ValueDType, number>> = { int8: -128, int16: -32768 };
const largestOf: Readonly<Record<ValueDType, number>> = { int8: 127, int16: 32767 };

/** Scale of symmetric int8 weights whose largest magnitude is `bound`. */
export const symmetricScale = (bound: number): number => fround(fround(Math.max(bound, smallestBound)) / 127);

/** Scale of int4 weights in [-8, 7] whose largest magnitude is `bound` (ai-edge-quantizer: bound / 7). */
export const int4Scale = (bound: number): number => fround(fround(Math.max(bound, smallestBound)) / 7);

/** Scales of blocks are stored as float16, and XNNPACK reads them as bfloat16: the nearest number that both have. */
export function storedBlockScale(scale: number): number {
  const word = new Uint32Array(Float32Array.of(scale).buffer);
  const bits = word[0] ?? 0;
  word[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000; // to nearest even
  const [rounded = 0] = new Float32Array(word.buffer);
  const [half = 0] = decodeFloat16(encodeFloat16([rounded]));
  return half > 0 ? half : 2 ** -24; // the smallest there is
}

/** Scale of an int32 bias: s_in · s_w, in float32. */
export const biasScale = (inputScale: number, weightScale: number): number => fround(inputScale * weightScale);

/**
 * A bias may use at most half of its accumulator's bits, or that overflows: where |bias| ≥ 0.5·s_in·s_w·2^31,
 * the channel's weight scale is widened until it does not (`AdjustWeightsForBiasScale`). `accumulatorBits`: 32, or 48
 * beside int16 values (`MultiplyByQuantizedMultiplier` takes an int64 of no more).
 */
export function guardedWeightScale(
  weightScale: number,
  inputScale: number,
  bias: number,
  accumulatorBits: 32 | 48 = 32,
): number {
  const limit = 0.5 * 2 ** (accumulatorBits - 1);
  if (Math.abs(bias) < limit * biasScale(inputScale, weightScale)) return weightScale;
  // One part in 2^20 more than needed, so that rounding to float32 does not fall back over the limit.
  return fround((Math.abs(bias) / limit / inputScale) * (1 + 2 ** -20));
}

/** The range of reals that these parameters can hold. */
export const representable = ({ scale, zeroPoint }: AffineParameters, dtype: ValueDType = "int8"): Range => ({
  min: (smallestOf[dtype] - zeroPoint) * scale,
  max: (largestOf[dtype] - zeroPoint) * scale,
});

/** One value to an integer, as the QUANTIZE kernel does it. */
export const quantizeValue = (value: number, { scale, zeroPoint }: AffineParameters, dtype: ValueDType): number =>
  clamp(roundHalfAwayFromZero(fround(value / scale)) + zeroPoint, smallestOf[dtype], largestOf[dtype]);

export const quantizeInt8 = (value: number, parameters: AffineParameters): number =>
  quantizeValue(value, parameters, "int8");

export const sameParameters = (a: AffineParameters, b: AffineParameters): boolean =>
  a.scale === b.scale && a.zeroPoint === b.zeroPoint;

export const unionOf = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
export const widthOf = (range: Range): number => Math.max(range.max, 0) - Math.min(range.min, 0);
