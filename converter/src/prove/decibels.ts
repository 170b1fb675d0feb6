/** Signal to noise in decibels, in a form that JSON can hold and nobody reads as better than it is. */

/** Stands for minus infinity (no signal) and for NaN: as `null` they would read as "identical". */
const lowestDb = -3000;

/** 10·log10(signal / noise) of two sums of squares; null when there is no noise at all. */
export function decibels(signal: number, noise: number): number | null {
  if (noise === 0) return null;
  const ratio = 10 * Math.log10(signal / noise);
  return ratio > lowestDb ? ratio : lowestDb;
}
