/**
 * Rounding and narrowing of numbers, the same on every JavaScript engine: only +, -, *, / and Math.fround/trunc.
 * TFLite's quantizer rounds half away from zero (C++ `std::round`); IEEE conversions round half to even.
 * `Math.round` does neither for negative ties and is not used in this folder.
 */

/** Nearest integer, ties away from zero: 0.5 → 1, -0.5 → -1, 2.5 → 3. */
export function roundHalfAwayFromZero(value: number): number {
  const whole = Math.trunc(value);
  const rest = value - whole; // exact: both have the same exponent range
  if (rest >= 0.5) return whole + 1;
  if (rest <= -0.5) return whole - 1;
  return whole === 0 ? 0 : whole;
}

/** `value` held within `[low, high]`. */
export const clamp = (value: number, low: number, high: number): number => (value < low ? low : Math.min(value, high));

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** The largest finite float16. */
export const float16Max = 65504;

/**
 * Bits of the float16 nearest to a float32, ties to even. Finite values beyond ±65504 are held at ±65504
 * (LiteRT's float16 recipe does so, since an infinite weight helps nobody); infinities and NaN keep their kind.
 */
export function float16Bits(value: number): number {
  single[0] = Number.isFinite(value) ? clamp(value, -float16Max, float16Max) : value;
  const bits = word[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200);
  const halfExponent = exponent - 112;
  if (halfExponent >= 1) {
    // A carry out of the mantissa walks into the exponent, which is what rounding up asks for.
    const half = (halfExponent << 10) | (mantissa >>> 13);
    return sign | roundUpEven(half, mantissa & 0x1fff, 0x1000);
  }
  if (halfExponent < -10) return sign;
  const full = mantissa | 0x800000;
  const shift = 14 - halfExponent;
  return sign | roundUpEven(full >>> shift, full & ((1 << shift) - 1), 1 << (shift - 1));
}

const roundUpEven = (kept: number, dropped: number, half: number): number =>
  dropped > half || (dropped === half && (kept & 1) === 1) ? kept + 1 : kept;

/** The value of float16 bits. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
