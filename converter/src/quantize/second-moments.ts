/**
 * Second moments of what an affine operator's weights multiply, Σ x·xᵀ over sampled rows, one matrix per group: how much an
 * error in one weight can be made good by its neighbours. Memory is bounded by {@link largestDepth} and by the caller's budget.
 * Pure folds over values that others tap.
 */
import type { InputPatches } from "./input-patches.ts";

/** Operators with longer rows are left to nearest rounding: the matrix grows with the square, the work with the cube. */
export const largestDepth = 640;
/** Rows for each column of the matrix: more did not change results on the models measured. */
const rowsPerColumn = 4;
const leastRows = 512;

export interface SecondMoments {
  /** depth × depth per group, row-major; only the lower triangle is filled. */
  readonly sums: readonly Float64Array[];
  rows: number;
}

export const momentsBytes = ({ groups, depth }: InputPatches): number => groups * depth * depth * 8;

export const emptyMoments = ({ groups, depth }: InputPatches): SecondMoments => ({
  sums: Array.from({ length: groups }, () => new Float64Array(depth * depth)),
  rows: 0,
});

/** Folds rows of one sample's input in, evenly spread over its positions; `samples` says how many samples there will be. */
export function addRows(moments: SecondMoments, patches: InputPatches, input: Float32Array, samples: number): void {
  const { depth, groups, positions } = patches;
  const wanted = Math.ceil(Math.max(rowsPerColumn * depth, leastRows) / samples);
  const taken = Math.min(wanted, positions);
  const row = new Float64Array(depth);
  for (let at = 0; at < taken; at++) {
    const position = Math.floor(((at + 0.5) * positions) / taken);
    for (let group = 0; group < groups; group++) {
      const sums = moments.sums[group];
      if (!sums) continue;
      patches.fill(row, input, position, group);
      for (let i = 0; i < depth; i++) {
        const value = row[i] ?? 0;
        if (value === 0) continue;
        const start = i * depth;
        for (let j = 0; j <= i; j++) sums[start + j] = (sums[start + j] ?? 0) + value * (row[j] ?? 0);
      }
    }
  }
  moments.rows += taken;
}
