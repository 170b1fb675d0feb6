/** `evaluate` of reductions on float32 and int32, accumulating in the order of the elements, in the operand's own dtype. */
import { elementCount } from "../../ir/graph.ts";
import { bytesOf, valuesOf } from "../../ir/values.ts";
import type { ConstantValue } from "../define-op.ts";
import { integersOfConstant } from "../shape/axis.ts";
import { reducedAxes, reducedShape } from "../shape/reduce.ts";

export interface Reduction {
  readonly start: number;
  readonly step: (sum: number, value: number) => number;
  /** From the accumulated value and how many went into it. */
  readonly end?: (sum: number, count: number) => number;
}

export function evaluateReduction(
  inputs: readonly (ConstantValue | null)[],
  keepDims: boolean,
  { start, step, end = (sum) => sum }: Reduction,
): readonly ConstantValue[] | null {
  const [input, axes] = inputs;
  if (!input || !axes || (input.dtype !== "float32" && input.dtype !== "int32")) return null;
  const gone = reducedAxes(input.shape, integersOfConstant(axes));
  const kept = reducedShape(input.shape, gone, true);
  const count = elementCount(kept);
  if (count === 0 || elementCount(input.shape) === 0) return null;
  const round = input.dtype === "float32" ? Math.fround : (value: number) => value | 0;
  const sums = new Float64Array(count).fill(start);
  const values = valuesOf(input.dtype, input.bytes);
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let at = 0;
    let stride = 1;
    for (let axis = input.shape.length - 1; axis >= 0; axis--) {
      const size = input.shape[axis] ?? 1;
      if (!gone.has(axis)) {
        at += (rest % size) * stride;
        stride *= size;
      }
      rest = Math.floor(rest / size);
    }
    sums[at] = round(step(sums[at] ?? 0, values[i] ?? 0));
  }
  const reduced = values.length / count;
  const results = sums.map((sum) => round(end(sum, reduced)));
  return [
    { dtype: input.dtype, shape: reducedShape(input.shape, gone, keepDims), bytes: bytesOf(input.dtype, results) },
  ];
}
