/** Shape and evaluation of padding with a constant (`tflite/kernels/pad.cc`). */
import type { Shape } from "../../ir/graph.ts";
import type { ConstantValue, Operands, ResultFacts } from "../define-op.ts";
import { stridesOf, takeElements } from "../evaluate/rearrange.ts";
import { need, refuse } from "../refuse.ts";
import { integersOf, integersOfConstant, unknownShape } from "./axis.ts";

/** `paddings` holds [in front, behind] for every axis. */
function paddedShape(shape: Shape, paddings: readonly number[]): Shape {
  if (paddings.length !== shape.length * 2 || paddings.some((size) => size < 0))
    throw refuse(`Paddings of [${paddings.join(", ")}] do not fit the shape [${shape.join(", ")}].`);
  return shape.map((size, axis) =>
    size === -1 ? -1 : size + (paddings[axis * 2] ?? 0) + (paddings[axis * 2 + 1] ?? 0),
  );
}

/** The `infer` of operators whose operands begin with input and paddings. */
export function inferPadded(inputs: Operands): readonly ResultFacts[] {
  const input = need(inputs, 0, "input");
  const operand = need(inputs, 1, "paddings");
  const paddings = integersOf(operand);
  return [
    { dtype: input.dtype, shape: paddings ? paddedShape(input.shape, paddings) : unknownShape(input.shape.length) },
  ];
}

/** The input with `fill` (zero bytes by default) around it. */
export function evaluatePadded(
  input: ConstantValue,
  paddings: ConstantValue,
  fill?: Uint8Array,
): readonly ConstantValue[] | null {
  const sizes = integersOfConstant(paddings);
  const strides = stridesOf(input.shape);
  const result = takeElements(
    input,
    paddedShape(input.shape, sizes),
    (position) => {
      let from = 0;
      for (const [axis, x] of position.entries()) {
        const at = x - (sizes[axis * 2] ?? 0);
        if (at < 0 || at >= (input.shape[axis] ?? 0)) return null;
        from += at * (strides[axis] ?? 0);
      }
      return from;
    },
    fill,
  );
  return result && [result];
}
