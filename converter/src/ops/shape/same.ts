/** `infer` of operators whose result looks like their first operand, or like two operands broadcast. */
import type { Operands, ResultFacts } from "../define-op.ts";
import { need, refuse } from "../refuse.ts";
import { broadcastShapes } from "./broadcast.ts";

export function sameAsInput(inputs: Operands): readonly ResultFacts[] {
  const { dtype, shape } = need(inputs, 0, "input");
  return [{ dtype, shape }];
}

export function broadcastOfTwo(inputs: Operands): readonly ResultFacts[] {
  const a = need(inputs, 0, "a");
  const b = need(inputs, 1, "b");
  if (a.dtype !== b.dtype) throw refuse(`${a.dtype} and ${b.dtype} do not go together.`);
  return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) }];
}
