/** `infer` of pools over windows of an NHWC input. */
import type { Operands, ResultFacts } from "../define-op.ts";
import { needRank } from "../refuse.ts";
import { windowOutput } from "./window.ts";

export interface Pool {
  readonly padding: "SAME" | "VALID";
  readonly strideH: number;
  readonly strideW: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
}

export function inferPool(
  inputs: Operands,
  { padding, strideH, strideW, filterHeight, filterWidth }: Pool,
): readonly ResultFacts[] {
  const input = needRank(inputs, 0, "input", 4);
  const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
  const h = windowOutput(height, { filter: filterHeight, stride: strideH, padding });
  const w = windowOutput(width, { filter: filterWidth, stride: strideW, padding });
  return [{ dtype: input.dtype, shape: [batch, h, w, channels] }];
}
