/** `infer` of operators that make a real number of each complex one. */
import type { Operands, ResultFacts } from "../define-op.ts";
import { need, refuse } from "../refuse.ts";

export function inferPartOfComplex(inputs: Operands): readonly ResultFacts[] {
  const { dtype, shape } = need(inputs, 0, "input");
  if (dtype !== "complex64" && dtype !== "complex128") throw refuse(`${dtype} has no complex parts.`);
  return [{ dtype: dtype === "complex64" ? "float32" : "float64", shape }];
}
