/** Shapes of operators that gather rows of "data" into segments (`segment_sum.cc`, `unsorted_segment.cc`). */
import type { Operands, ResultFacts } from "../define-op.ts";
import { need, refuse } from "../refuse.ts";
import { integersOf } from "./axis.ts";

/** The `infer` of operators whose third operand says how many segments there are. */
export function inferSegments(inputs: Operands): readonly ResultFacts[] {
  const [data, ids] = [need(inputs, 0, "data"), need(inputs, 1, "ids")];
  const [count = -1] = integersOf(need(inputs, 2, "count")) ?? [];
  if (ids.shape.length > data.shape.length || count < -1)
    throw refuse(`Ids of [${ids.shape.join(", ")}] do not fit data of [${data.shape.join(", ")}].`);
  return [{ dtype: data.dtype, shape: [count, ...data.shape.slice(ids.shape.length)] }];
}
