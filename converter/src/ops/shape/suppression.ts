/** `infer` of non-maximum suppression: as many boxes as asked for, and how many of them count. */
import type { Operands, ResultFacts } from "../define-op.ts";
import { need, needRank, refuse } from "../refuse.ts";
import { integersOf } from "./axis.ts";

export function inferSuppression(inputs: Operands, withScores: boolean): readonly ResultFacts[] {
  const boxes = needRank(inputs, 0, "boxes", 2);
  const scores = needRank(inputs, 1, "scores", 1);
  if (boxes.shape[1] !== 4 && boxes.shape[1] !== -1) throw refuse(`A box of ${boxes.shape[1]} numbers.`);
  const [most = -1] = integersOf(need(inputs, 2, "maxOutputSize")) ?? [];
  if (most < -1) throw refuse(`It cannot give ${most} boxes.`);
  const indices: ResultFacts = { dtype: "int32", shape: [most] };
  const count: ResultFacts = { dtype: "int32", shape: [] };
  return withScores ? [indices, { dtype: scores.dtype, shape: [most] }, count] : [indices, count];
}
