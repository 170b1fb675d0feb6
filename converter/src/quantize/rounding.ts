/**
 * Rounding, the same on every JavaScript engine: TFLite's quantizer rounds half away from zero (C++ `std::round`).
 * `Math.round` rounds negative ties the other way and is not used in this folder.
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
